"""The main() of a Debian client, unmodified, run again and again in one interpreter.

Reads one JSON list of arguments a line and answers one JSON object a line: exit code, standard output, standard error. Each run makes the client's shell
anew, as a new process would: it logs in, looks at the catalogue and the versions again. What is saved is the second that Python takes to import the client.
"""

import contextlib
import importlib
import io
import json
import logging
import sys

MAINS = {'openstack': 'openstackclient.shell', 'neutron': 'neutronclient.shell'}


def run(main, argv):
    """As the client's console script does it: sys.exit(main())."""
    out, err = io.StringIO(), io.StringIO()
    # Handlers of the last run hold that run's stderr.
    for handler in list(logging.getLogger('').handlers):
        logging.getLogger('').removeHandler(handler)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(argv)
        except SystemExit as end:
            code = end.code
    return {'code': code or 0, 'stdout': out.getvalue(), 'stderr': err.getvalue()}


def serve():
    main = importlib.import_module(MAINS[sys.argv[1]]).main
    answers = sys.stdout
    for line in sys.stdin:
        print(json.dumps(run(main, json.loads(line))), file=answers, flush=True)


serve()
