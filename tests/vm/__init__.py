"""What this machine's kernel may lack, shown in a Debian machine that QEMU emulates: `make test-vm`.

`build-root` makes the machine, once; `python -m tests.vm` boots it and hands it the project as a disk; in it systemd
runs `job`, which is pytest with one of the files `on_*.py`. Those names keep them out of `make test`.
"""
