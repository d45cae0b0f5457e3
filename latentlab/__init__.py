"""Which latent dimension controls this attribute, how sure are we, and what else moves?"""

import os

__version__ = "0.1.0"

# What libraries read when they are loaded, in every process that works for us, wherever it runs.
# Products of matrices that do not hang on the number of threads (MKL).
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
# Idle threads that spin slow each other where cores are shared: beside another job, in two trials,
# 1.8 and 22 times (OpenMP, unless torch was imported before).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
