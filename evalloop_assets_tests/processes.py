"""Processes beside the test's own: each is forked from one server that has imported what they need and done no more."""

import multiprocessing

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["evalloop_assets_tests.erasure.world", "evalloop_assets_tests.serving.test_flagd", "deltalake", "psycopg"]
)
