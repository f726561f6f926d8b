# Data Analysis
import pandas as pd
import numpy as np
import scipy
import statsmodels

# Visualization
import matplotlib.pyplot as plt
import seaborn as sns
import plotly

# File Handling
import openpyxl  # Excel files
import xlrd      # Legacy Excel
import csv       # CSV files
import json      # JSON data

# Other Utilities
import datetime
import requests
import beautifulsoup4
