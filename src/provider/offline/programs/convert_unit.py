amount = 10  # @
factor = 1.609344  # @
offset = 0  # @
source, target = "miles", "kilometres"  # @units

result = amount * factor + offset
print(f"{amount:,g} {source} = {result:,.6g} {target}.")
