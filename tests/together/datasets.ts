/** Tests of datasets, in one worker: tools/gate.ts says why. @module */
import "../datasets/benchmarks/c4_test.ts";
import "../datasets/benchmarks/cifar_test.ts";
import "../datasets/benchmarks/glue_test.ts";
import "../datasets/benchmarks/image_net_test.ts";
import "../datasets/benchmarks/imdb_test.ts";
import "../datasets/benchmarks/long_range_arena_test.ts";
import "../datasets/benchmarks/open_web_text_test.ts";
import "../datasets/benchmarks/wiki_text_test.ts";
import "../datasets/corpora_test.ts";
import "../datasets/entry_test.ts";
import "../datasets/fashion_mnist_test.ts";
import "../datasets/generators_test.ts";
import "../datasets/mnist_test.ts";
