import sympy as sp

x = sp.symbols("x")  # @symbol
expression = sp.sympify("x**2", rational=True)  # @


def written(value):
    return sp.sstr(value).replace("**", "^").replace("*", "·").replace("log(", "ln(")


# @if derivative
result = sp.simplify(sp.diff(expression, x))
print(f"The derivative of {written(expression)} is {written(result)}.")
# @end
# @if integral
result = sp.integrate(expression, x)
print(f"The integral of {written(expression)} is {written(result)} + C.")
# @end
# @if definite
low, high = sp.Integer(0), sp.Integer(1)  # @bounds
result = sp.integrate(expression, (x, low, high))
print(f"The integral of {written(expression)} from {written(low)} to {written(high)} is {written(result)}"
      f"{'' if result.is_Integer else f' ≈ {float(result):.8g}'}.")
# @end
# @if simplify
print(f"{written(expression)} simplifies to {written(sp.simplify(expression))}.")
# @end
# @if expand
print(f"{written(expression)} expands to {written(sp.expand(expression))}.")
# @end
# @if factor
print(f"{written(expression)} factors into {written(sp.factor(expression))}.")
# @end
