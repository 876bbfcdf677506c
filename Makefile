# Every target is one script or one command; `make run` and `make test` are all that a fresh machine needs.
.PHONY: help build run test lint format bench differential property fault-run soak gates fuzz sanitize nginx image fresh-root clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

build: ## release build of xtgateway and xstech-simulator
	@scripts/build

run: ## start the gateway (with the simulator while there is no configuration)
	@scripts/run

test: ## everything that CI runs
	@scripts/test

lint: ## formatting rules and import rules
	@scripts/lint

format: ## format all Swift files in place
	@swift format -i -r -p Sources Tests Fuzz bench Package.swift

bench: ## the gateway beside nginx, haproxy, a C floor and a Python twin
	@scripts/bench

differential: ## the HTTP parser against other parsers
	@scripts/differential

property: ## the conversations' property test, for ten minutes
	@scripts/property

fault-run: ## twenty accounts that fail in turn under two hundred clients
	@scripts/fault-run

soak: ## ten minutes of chaos
	@scripts/soak

gates: ## instructions and allocations of a chunk and of a request
	@scripts/gates

fuzz: ## the parsers under libFuzzer
	@scripts/fuzz

sanitize: ## unit tests under AddressSanitizer
	@scripts/sanitize

nginx: ## the tests behind nginx
	@scripts/nginx

image: ## build the container image without Docker, run it, drive it
	@scripts/image

fresh-root: ## make run and make test in a fresh Debian
	@scripts/fresh-root

clean: ## remove everything that was built
	@rm -rf .build .build-* .venv-*
