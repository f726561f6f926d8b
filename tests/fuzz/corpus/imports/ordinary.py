import numpy as np, pandas
from scipy.stats import norm
