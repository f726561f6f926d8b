import sympy as sp

unknowns = sp.symbols("x", seq=True)  # @
equations = [("3*x + 11", "14")]  # @

system = [sp.Eq(sp.sympify(left, rational=True), sp.sympify(right, rational=True), evaluate=False) for left, right in equations]


def written(expression):
    return sp.sstr(expression).replace("**", "^").replace("*", "·").replace("I", "i").replace("log(", "ln(")


def near(value):
    """A decimal beside what is not a whole number."""
    number = complex(value.evalf()) if not value.free_symbols else None
    if number is None or (sp.re(value).is_Integer and sp.im(value).is_Integer):
        return ""
    return f" ≈ {number.real:.6g}" if abs(number.imag) < 1e-12 else f" ≈ {number.real:.6g} {'+' if number.imag > 0 else '-'} {abs(number.imag):.6g}i"


print("The equation" + ("s" if len(system) > 1 else ""), " and ".join(f"{written(e.lhs)} = {written(e.rhs)}" for e in system) + ":")
solutions = sp.solve(system, unknowns, dict=True)
if len(system) == 1 and len(unknowns) == 1:
    polynomial = system[0].lhs - system[0].rhs
    if polynomial.is_polynomial(unknowns[0]) and sp.degree(polynomial, unknowns[0]) > 4:  # numbers say more than nested roots
        solutions = [{unknowns[0]: root} for root in sp.Poly(polynomial, unknowns[0]).nroots(n=10)]
if not solutions:
    print("there is no solution." if all(not sp.simplify(e.lhs - e.rhs).is_zero for e in system) else "every value is a solution.")
for number, solution in enumerate(solutions, 1):
    said = ", ".join(f"{name} = {written(value)}{near(value)}" for name, value in solution.items())
    print(f"{said}." if len(solutions) == 1 else f"solution {number}: {said}.")
