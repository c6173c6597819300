"""tox-block in its own environment: reads texts as JSON, writes probabilities of "toxic".

python -m venv V && V/bin/pip install tox-block==0.1.2 keras
"""

import json
import sys
import time

from tox_block.prediction import make_predictions

texts = json.load(sys.stdin)
make_predictions(["warm"])
start = time.process_time()
found = make_predictions(texts)
spent = time.process_time() - start
json.dump({"scores": [float(found[row]["toxic"]) for row in range(len(texts))],
           "cpu_ms": 1000 * spent / len(texts)}, sys.stdout)  # fmt: skip
