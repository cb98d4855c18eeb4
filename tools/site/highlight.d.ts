// What is used of highlight.js, whose own types declare a browser's globals.
declare const highlighter: {
  registerLanguage(name: string, language: unknown): void;
  highlight(code: string, options: { language: string }): { value: string };
};
export default highlighter;
