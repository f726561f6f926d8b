# 100 sales records: made up, then analysed as real ones would be.
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

rng = np.random.default_rng(42)
n = 100
sales = pd.DataFrame({
    "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 182, n)), unit="D"),
    "product": rng.choice(["Laptop", "Phone", "Tablet", "Headphones"], n, p=[0.2, 0.35, 0.2, 0.25]),
    "region": rng.choice(["North", "South", "East", "West"], n),
    "quantity": rng.integers(1, 12, n),
})
price = {"Laptop": 1150.0, "Phone": 720.0, "Tablet": 430.0, "Headphones": 140.0}
sales["revenue"] = (sales["quantity"] * sales["product"].map(price) * rng.uniform(0.9, 1.1, n)).round(2)
sales.to_csv("sales.csv", index=False)

by_product = sales.groupby("product")["revenue"].sum().sort_values(ascending=False)
by_region = sales.groupby("region")["revenue"].sum().sort_values(ascending=False)
monthly = sales.set_index("date")["revenue"].resample("MS").sum()
weekly = sales.set_index("date")["revenue"].resample("W-MON", label="left", closed="left").sum()

print(f"Generated {n} sales records, {sales['date'].min():%d %B} to {sales['date'].max():%d %B %Y} (sample data).")
print(f"Total revenue: {sales['revenue'].sum():,.2f}, {sales['revenue'].mean():,.2f} a sale on average.")
print(f"Best product: {by_product.index[0]} with {by_product.iloc[0]:,.2f}.")
print(f"Best region: {by_region.index[0]} with {by_region.iloc[0]:,.2f}, "
      f"{by_region.iloc[0] / by_region.sum():.0%} of all revenue.")
print(f"Best month: {monthly.idxmax():%B %Y} with {monthly.max():,.2f}.")
for title, table in (("Revenue by product", by_product), ("Revenue by region", by_region),
                     ("Summary statistics", sales[["quantity", "revenue"]].describe().round(2))):
    print(f"\n{title}\n{table.to_string()}")

blue, light, grey = "#234f7d", "#8fb0cf", "#6b7177"
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
                     "axes.titleweight": "bold", "axes.axisbelow": True, "grid.color": "#e4e6e8"})
thousands = plt.FuncFormatter(lambda value, _: f"{value / 1000:,.0f} k")

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for axis, totals in zip(axes, (by_product, by_region)):
    bars = axis.bar(totals.index, totals.values, color=[blue] + [light] * (len(totals) - 1), width=0.65)
    axis.bar_label(bars, labels=[f"{value / 1000:,.1f} k" for value in totals.values], padding=3, color=grey)
    axis.set_title(f"Revenue by {totals.index.name}", pad=10)
    axis.margins(y=0.12)
    axis.yaxis.set_visible(False)
    axis.spines["left"].set_visible(False)
plt.show()

figure, axis = plt.subplots(figsize=(9, 3.4), layout="constrained")
axis.plot(weekly.index, weekly.values, color=light, linewidth=1.4, label="each week")
axis.plot(weekly.index, weekly.rolling(4, center=True, min_periods=2).mean(), color=blue, linewidth=2, label="four-week mean")
axis.set_title("Weekly revenue")
axis.set_ylim(bottom=0)
axis.grid(axis="y")
axis.yaxis.set_major_formatter(thousands)
axis.xaxis.set_major_formatter(mdates.ConciseDateFormatter(axis.xaxis.get_major_locator()))
axis.legend(frameon=False)
plt.show()
