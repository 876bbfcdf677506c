# Every target is one script or one command; `make run` and `make test` are all that a fresh machine needs.
.PHONY: help build run test lint format bench sanitize clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

build: ## release build of xtgateway and xstech-simulator
	@scripts/build

run: ## start the gateway (with the simulator while there is no configuration)
	@scripts/run

test: ## everything that CI runs
	@scripts/test

lint: ## formatting rules and import rules
	@scripts/lint

format: ## format all Swift files in place
	@swift format -i -r -p Sources Tests Package.swift

bench: ## load scenarios against the simulator
	@scripts/bench

sanitize: ## unit tests under AddressSanitizer
	@scripts/sanitize

clean: ## remove everything that was built
	@rm -rf .build .build-* .venv-e2e
