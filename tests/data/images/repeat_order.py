"""DeiT's `RASampler` of given permutations, which torch draws there."""

import json
import math
import sys


def ra_sampler(permutation, num_replicas, rank):
    size = len(permutation)
    num_samples = int(math.ceil(size * 3.0 / num_replicas))
    total_size = num_samples * num_replicas
    num_selected_samples = int(math.floor(size // 256 * 256 / num_replicas))
    indices = [ele for ele in permutation for i in range(3)]
    indices += indices[:(total_size - len(indices))]
    assert len(indices) == total_size
    indices = indices[rank:total_size:num_replicas]
    assert len(indices) == num_samples
    return indices[:num_selected_samples]


print(json.dumps([
    {ranks: [ra_sampler(permutation, ranks, rank) for rank in range(ranks)]
     for ranks in (1, 2, 4)}
    for permutation in json.loads(sys.argv[1])
]))
