import random

count = 50  # @
rng = random.Random(7)  # made-up stock, the same each time

kinds = {"Kitchen": ["Kettle", "Pan", "Knife", "Bowl"], "Garden": ["Spade", "Hose", "Pot", "Glove"],
         "Office": ["Desk", "Lamp", "Chair", "Shelf"], "Sport": ["Ball", "Mat", "Racket", "Bottle"]}
rows = []
for number in range(count):
    category = rng.choice(list(kinds))
    cost = round(rng.uniform(2, 120), 2)
    rows.append({
        "sku": f"SKU-{1000 + number}",
        "product": f"{rng.choice(kinds[category])} {rng.choice('ABCDEFG')}{rng.randint(1, 9)}",
        "category": category,
        "cost": cost,
        "price": round(cost * rng.uniform(1.2, 1.9), 2),
        "in_stock": rng.randint(0, 250),
    })
