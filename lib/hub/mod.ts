/**
 * Models and files of the Hugging Face hub.
 *
 * @module
 */
