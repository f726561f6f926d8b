"""Sea-surface temperatures of the Niño region: load, clean, group, fit, draw, write.

    cloche run examples/analysis.py --file table.xlsx --out out/

Reads table.xlsx (columns YEAR and JAN … DEC), writes summary.xlsx and warming.png.
"""
import matplotlib.pyplot as plt
import pandas as pd
import statsmodels.formula.api as smf

table = pd.read_excel("table.xlsx")
long = table.melt(id_vars="YEAR", var_name="month", value_name="celsius")
long["celsius"] = pd.to_numeric(long["celsius"], errors="coerce")
long = long.dropna().astype({"YEAR": int})

by_year = long.groupby("YEAR")["celsius"].agg(["mean", "min", "max"]).reset_index()
model = smf.ols("mean ~ YEAR", data=by_year).fit()

figure, axes = plt.subplots(figsize=(7, 4))
axes.plot(by_year["YEAR"], by_year["mean"], label="yearly mean")
axes.plot(by_year["YEAR"], model.fittedvalues, label=f"{model.params['YEAR'] * 100:+.2f} °C a century")
axes.fill_between(by_year["YEAR"], by_year["min"], by_year["max"], alpha=0.15, label="coldest to warmest month")
axes.set(xlabel="year", ylabel="°C", title="Sea surface, Niño 1+2")
axes.legend()
figure.savefig("warming.png", dpi=120)

by_year.to_excel("summary.xlsx", index=False)
print(f"{len(by_year)} years, slope {model.params['YEAR']:.6f} °C a year, R² {model.rsquared:.3f}")
