import matplotlib.pyplot as plt
import numpy as np

# @if given
values = np.array([3, 5, 8])  # @
# @end
# @if !given
rng = np.random.default_rng(7)  # sample data, the same each time
# @end
title = "Sample data"  # @

# @if scatter
x = rng.normal(50, 15, 150)
y = 0.8 * x + rng.normal(0, 10, 150)
slope, start = np.polyfit(x, y, 1)
figure, axis = plt.subplots(figsize=(7, 4.8), layout="constrained")
axis.scatter(x, y, s=22, color="#234f7d", alpha=0.6, linewidths=0)
ends = np.array([x.min(), x.max()])
axis.plot(ends, start + slope * ends, color="#c98a2b")
axis.grid(color="#e4e6e8")
# @end
# @if histogram
# @if !given
values = rng.normal(100, 15, 1000)
# @end
figure, axis = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
axis.hist(values, bins="auto", color="#8fb0cf", edgecolor="white")
axis.axvline(np.median(values), color="#234f7d", label=f"median {np.median(values):.4g}")
axis.legend(frameon=False)
# @end
# @if box
groups = {name: rng.normal(mean, spread, 80) for name, mean, spread in (("A", 50, 8), ("B", 62, 12), ("C", 57, 6), ("D", 70, 10))}
figure, axis = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
axis.boxplot(list(groups.values()), tick_labels=list(groups), patch_artist=True, widths=0.55,
             boxprops={"facecolor": "#8fb0cf", "edgecolor": "none"}, medianprops={"color": "#234f7d", "linewidth": 2})
axis.grid(axis="y", color="#e4e6e8")
# @end
# @if heatmap
names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
hours = [f"{hour}:00" for hour in range(8, 20, 2)]
grid = rng.poisson(20 + 15 * np.sin(np.linspace(0, 3, len(hours)))[:, None] * np.array([1, 1, 1.1, 1.2, 1.6, 0.7, 0.5]))
figure, axis = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
image = axis.imshow(grid, cmap="Blues", aspect="auto")
for row in range(len(hours)):
    for column in range(len(names)):
        axis.text(column, row, grid[row, column], ha="center", va="center", fontsize=9,
                  color="white" if grid[row, column] > grid.max() * 0.6 else "#1f2328")
axis.set_xticks(range(len(names)), names)
axis.set_yticks(range(len(hours)), hours)
axis.tick_params(length=0)
figure.colorbar(image, shrink=0.85).outline.set_visible(False)
# @end
# @if surface
x, y = np.meshgrid(np.linspace(-4, 4, 120), np.linspace(-4, 4, 120))
z = np.sin(np.hypot(x, y))  # @
figure = plt.figure(figsize=(7.5, 5.6), layout="constrained")
axis = figure.add_subplot(projection="3d")
figure.colorbar(axis.plot_surface(x, y, z, cmap="viridis", linewidth=0, antialiased=True), shrink=0.6, pad=0.08)
# @end
axis.spines[["top", "right"]].set_visible(False)
axis.set_title(title, loc="left", fontweight="bold", pad=12)
# @if save
path = "chart.png"  # @
figure.savefig(path, dpi=150)
# @end
plt.show()

# @if !given
# @if !surface
print("The data is made up: sample data from a random number generator with a fixed seed.")
# @end
# @end
# @if scatter
print(f"150 points, correlation {np.corrcoef(x, y)[0, 1]:.2f}; the line rises by {slope:.2f} for each step of x.")
# @end
# @if histogram
print(f"{len(values):,} values, mean {np.mean(values):.4g}, median {np.median(values):.4g}, standard deviation {np.std(values):.4g}.")
# @end
# @if box
print("Medians: " + ", ".join(f"{name} {np.median(values):.1f}" for name, values in groups.items()) + ".")
# @end
# @if heatmap
print(f"The busiest cell is {names[grid.argmax() % len(names)]} at {hours[grid.argmax() // len(names)]} with {grid.max()}.")
# @end
# @if surface
print(f"z lies between {z.min():.3f} and {z.max():.3f}.")
# @end
