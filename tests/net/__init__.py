"""The kernel's side, tested on the kernel: every test has network namespaces of its own."""
