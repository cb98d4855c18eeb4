/** The name of the moment at which the page can compute, in what browsers measure. @module */

export const READY = "ready";
