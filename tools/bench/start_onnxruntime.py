"""A whole process: prints the unit embedding of a text. Arguments: folder of MiniLM, its graph, threads, text."""

import json
import sys

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

folder, graph, threads, text = sys.argv[1:]
tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
tokenizer.no_padding()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
states = session.run(None, {"input_ids": np.array([tokenizer.encode(text).ids])})[0]
mean = states[0].mean(0)
print(json.dumps((mean / np.linalg.norm(mean)).tolist()))
