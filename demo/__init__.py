"""A market to look at and a whole trade to watch: invented companies, real open data, the real machine.

companies    who trades: names, codes and places, all invented
vocabulary   what each sector talks about
people       who works for them, and who can sign in
products     what is for sale
open_data    real files with their sources and licences
load         puts the market into the database: ``python -m demo.load``
signins      who may look around: ``python -m demo.signins``
processes    web server, worker and beat as child processes
listing      a product comes to the market through the workspaces' pages
client       the API as its users use it
plan         what is going to be ordered
damage       one byte of one file goes wrong
job          the trade, step by step; ``python -m demo`` takes the steps
facts        what the exchange says afterwards
checks       every figure compared with an independent source
summary      what was traded, told
progress     the bars

Importing the package makes Django ready: by settings.dev without DEBUG (which keeps every statement in memory), unless
told otherwise.
"""

import os

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
    os.environ.setdefault("DEBUG", "no")
    django.setup()
