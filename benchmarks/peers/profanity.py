"""alt-profanity-check in its own environment: reads texts as JSON, writes probabilities.

python -m venv V && V/bin/pip install alt-profanity-check
"""

import json
import sys
import time

from profanity_check import predict_prob

texts = json.load(sys.stdin)
predict_prob(["warm"])
start = time.process_time()
scores = predict_prob(texts)
spent = time.process_time() - start
json.dump({"scores": [float(score) for score in scores], "cpu_ms": 1000 * spent / len(texts)},
          sys.stdout)  # fmt: skip
