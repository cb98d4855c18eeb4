/** Kernels on other hosts, early since they take long: tools/gate.ts says why. @module */
import "../hosts_test.ts";
