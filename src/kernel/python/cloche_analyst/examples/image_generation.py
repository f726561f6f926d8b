# A correlation heat map, a surface in three dimensions and a pie chart. Sample data.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

rng = np.random.default_rng(7)
plt.rcParams.update({"axes.titlelocation": "left", "axes.titleweight": "bold", "axes.titlesize": 12})

# Six measurements of 200 samples, some of which depend on each other.
n = 200
temperature = rng.normal(20, 5, n)
sunshine = 0.7 * temperature + rng.normal(0, 3, n)
data = pd.DataFrame({
    "temperature": temperature, "sunshine": sunshine, "rain": -0.6 * sunshine + rng.normal(0, 3, n),
    "growth": 0.4 * sunshine + 0.3 * temperature + rng.normal(0, 2, n), "pests": rng.normal(0, 1, n),
})
data["harvest"] = data["growth"] - 2 * data["pests"] + rng.normal(0, 1, n)
matrix = data.corr()

figure, axis = plt.subplots(figsize=(6.4, 5.2), layout="constrained")
colours = LinearSegmentedColormap.from_list("", ["#9c4a3c", "#f6f5f3", "#234f7d"])
image = axis.imshow(matrix, cmap=colours, vmin=-1, vmax=1)
for row in range(len(matrix)):
    for column in range(len(matrix)):
        r = matrix.iat[row, column]
        axis.text(column, row, f"{r:.2f}", ha="center", va="center", fontsize=9, color="white" if abs(r) > 0.6 else "#1f2328")
axis.set_xticks(range(len(matrix)), matrix.columns, rotation=30, ha="right")
axis.set_yticks(range(len(matrix)), matrix.columns)
axis.tick_params(length=0)
axis.spines[:].set_visible(False)
axis.set_title("Correlations between six measurements (sample data)")
figure.colorbar(image, shrink=0.8).outline.set_visible(False)
plt.show()

x, y = np.meshgrid(np.linspace(-5, 5, 160), np.linspace(-5, 5, 160))
distance = np.hypot(x, y)
z = np.sin(distance) * np.exp(-distance / 6)
figure = plt.figure(figsize=(7, 5.4), layout="constrained")
axis = figure.add_subplot(projection="3d")
surface = axis.plot_surface(x, y, z, cmap="viridis", linewidth=0, antialiased=True, rcount=120, ccount=120)
axis.set_title("z = sin(r) · exp(-r/6), where r is the distance from the centre")
axis.view_init(elev=32, azim=-58)
figure.colorbar(surface, shrink=0.6, pad=0.08)
plt.show()

shares = pd.Series({"Solar": 32, "Wind": 27, "Hydro": 18, "Gas": 14, "Other": 9})
figure, axis = plt.subplots(figsize=(6.2, 4.6), layout="constrained")
wedges, _, texts = axis.pie(
    shares, autopct="%.0f%%", startangle=90, counterclock=False, pctdistance=0.79,
    colors=["#234f7d", "#5b8fb9", "#8fb0cf", "#c8793f", "#d9c7b4"], wedgeprops={"width": 0.42, "edgecolor": "white"})
for text, colour in zip(texts, ("white", "white", "#1f2328", "white", "#1f2328")):
    text.set_color(colour)
axis.legend(wedges, shares.index, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
axis.set_title("Where the energy came from (sample data)")
plt.show()

strongest = matrix.where(np.tril(np.ones(matrix.shape, bool), -1)).stack().abs().idxmax()
print("Created three figures from sample data: a correlation heat map, a 3-D surface and a pie chart.")
print(f"In the heat map {strongest[0]} and {strongest[1]} are closest (correlation {matrix.loc[strongest]:.2f}); "
      f"the largest slice of the pie is {shares.idxmax()} with {shares.max()}%.")
