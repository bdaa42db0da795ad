"""A whole process: prints the unit embedding of a text. Arguments: folder of MiniLM, threads, text."""

import json
import sys

import torch
import transformers
from sentence_transformers import SentenceTransformer

folder, threads, text = sys.argv[1:]
torch.set_num_threads(int(threads))
transformers.logging.disable_progress_bar()
model = SentenceTransformer(folder, device="cpu")
print(json.dumps(model.encode([text], normalize_embeddings=True)[0].tolist()))
