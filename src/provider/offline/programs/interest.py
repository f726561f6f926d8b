principal = 1000  # @
rate = 0.05  # @
years = 10  # @
times_a_year = 1  # @

# @if compound
amount = principal * (1 + rate / times_a_year) ** (times_a_year * years)
interest = amount - principal
print(f"Compound interest on {principal:,.2f} at {rate * 100:.6g}% a year for {years:g} years, credited "
      f"{'once' if times_a_year == 1 else f'{times_a_year} times'} a year:")
print(f"the interest is {interest:,.2f}, so the amount grows to {amount:,.2f}.")
print("\nyear       amount")
for year in range(1, min(int(years), 40) + 1):
    print(f"{year:>4}  {principal * (1 + rate / times_a_year) ** (times_a_year * year):>11,.2f}")
# @end
# @if simple
interest = principal * rate * years
print(f"Simple interest on {principal:,.2f} at {rate * 100:.6g}% a year for {years:g} years is {interest:,.2f}, {principal + interest:,.2f} in all.")
# @end
# @if loan
months = int(round(years * 12))
monthly = rate / 12
payment = principal * monthly / (1 - (1 + monthly) ** -months) if monthly else principal / months
print(f"A loan of {principal:,.2f} at {rate * 100:.6g}% a year over {years:g} years costs {payment:,.2f} a month.")
print(f"All {months} payments together are {payment * months:,.2f}, of which {payment * months - principal:,.2f} is interest.")
# @end
