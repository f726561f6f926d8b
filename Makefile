# A thin front for Meson and the scripts in tools/. `make help` lists what there is.
.DEFAULT_GOAL := build
.PHONY: help run build check check-full bench fuzz soak format lint install clean
export BUILD ?= build
PREFIX ?= /usr/local
FLAGS ?=
TIERS ?=

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

run: ## install what is missing, build, serve on 127.0.0.1:8000 (FLAGS='--model …')
	@tools/run $(FLAGS)

build: ## compile a release into build/
	@tools/setup build
	@tools/build

check: ## every test, once; ends with `N passed, N failed` (TIERS='unit api')
	@tools/check $(TIERS)

check-full: ## and under sanitizers, as an ordinary user, torture, crashes, Debian's own kernel
	@tools/check-full

bench: ## the figures, beside ipykernel and bubblewrap, into build/performance.md
	@tools/bench $(FLAGS)

fuzz: ## libFuzzer on every harness (SECONDS_EACH=60)
	@tools/fuzz

soak: ## mixed load, watching memory, descriptors and processes (MINUTES=60)
	@tools/soak

format: ## clang-format over src/ and tests/
	@tools/format

lint: ## shell scripts, the man page, formatting: says what is off, changes nothing
	@tools/format --check

install: build ## into PREFIX=/usr/local, below DESTDIR when given
	@PATH=/usr/bin:/bin:$$PATH meson configure $(BUILD) -Dprefix=$(PREFIX)
	@tools/build
	@PATH=/usr/bin:/bin:$$PATH meson install -C $(BUILD) --no-rebuild --quiet $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean: ## remove build folders (environments built into them too)
	rm -rf build build-sanitized build-fuzz
