# Example code that Code Interpreter might generate
import numpy as np  # was missing
import pandas as pd
import matplotlib.pyplot as plt
import seaborn as sns

# Load Excel file
excel_file = pd.ExcelFile('/mnt/data/sales_data.xlsx')
sheets = excel_file.sheet_names

# Analyze each sheet
summaries = {}
for sheet in sheets:
    df = pd.read_excel(excel_file, sheet_name=sheet)
    
    # Basic statistics
    summaries[sheet] = {
        'shape': df.shape,
        'columns': df.columns.tolist(),
        'dtypes': df.dtypes.to_dict(),
        'missing': df.isnull().sum().to_dict(),
        'numeric_summary': df.describe().to_dict()
    }
    
    # Create visualizations
    numeric_cols = df.select_dtypes(include=[np.number]).columns
    if len(numeric_cols) > 0:
        fig, axes = plt.subplots(1, min(3, len(numeric_cols)), figsize=(15, 5))
        for i, col in enumerate(numeric_cols[:3]):
            df[col].hist(ax=axes[i] if len(numeric_cols) > 1 else axes)
            np.atleast_1d(axes)[i].set_title(f'Distribution of {col}')  # was axes[i], which a single axis has not
        plt.tight_layout()
        plt.savefig(f'/mnt/data/{sheet}_distributions.png')
        plt.close()

# Generate summary report
report = "# Excel Analysis Report\n\n"
for sheet, summary in summaries.items():
    report += f"## Sheet: {sheet}\n"
    report += f"- Dimensions: {summary['shape'][0]} rows × {summary['shape'][1]} columns\n"
    report += f"- Missing values: {sum(summary['missing'].values())} total\n\n"
