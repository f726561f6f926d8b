def f():
    try: import a.b
    except ImportError: import c
