// Pages of the reference are light or dark as the system is, as all others are.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () =>
  document.documentElement.classList.toggle("dark", dark.matches);
dark.addEventListener("change", follow);
follow();
