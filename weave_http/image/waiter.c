/* The program before the program: `/w/w PROGRAM [ARGUMENT...]` waits until the container is on the network, and becomes
 * PROGRAM then.
 *
 * `weave run` puts it in front of a container's entrypoint. It needs nothing of the container's image, not even a
 * shell or a C library, so it makes system calls itself. What it does:
 *
 *  1. Look for PROGRAM as runc does: what can't be run is said at once, and not after a wait (exit code 127 for what is
 *     not there, 126 for what is no program).
 *  2. Wait until there is a multicast route and an interface `ethwe` among the routes: the route is the last thing that
 *     attaching adds. Signals stay blocked meanwhile and are asked for, which has two advantages over handlers: the
 *     kernel keeps them even from process 1, to whom it gives none by default, and PROGRAM starts with the dispositions
 *     that we were started with. Whoever sends one, as `docker stop` does, ends the wait: exit code 128 + signal.
 *     A wait that takes long is said on stderr, after some seconds and every hour: `docker logs` shows it. There is no
 *     end to it, as the container would end, too: for good, or again and again, while a router may be on its way.
 *  3. Become PROGRAM: environment, arguments, and the name that was typed are as they were.
 *
 * gcc and tcc compile it for x86-64 and arm64: -ffreestanding -nostdlib -static.
 */

enum { NOT_FOUND = 127, NOT_EXECUTABLE = 126, NO_PROC = 125 };
enum { EPERM = 1, ENOENT = 2, EACCES = 13, ENOTDIR = 20, EISDIR = 21 };
enum { AT_FDCWD = -100, O_RDONLY_CLOEXEC = 02000000, X_OK = 1 };
enum { SIG_BLOCK = 0, SIG_SETMASK = 2, SIGPIPE = 13, SIGCHLD = 17, SIGCONT = 18, SIGTSTP = 20, SIGURG = 23, SIGWINCH = 28 };
enum { S_IFMT = 0170000, S_IFDIR = 0040000 };
enum { LONGEST_PATH = 4096, MILLISECOND = 1000000 };
/* Rounds of waiting: 2 s of short ones, 20 s of longer ones; the first word after 5 s, the next ones an hour later each. */
enum { SHORT = 1000, LONGER = 2000, FIRST_WORD = 1150, NEXT_WORD = 18000 };

#if defined(__x86_64__)
enum { READ = 0, WRITE = 1, CLOSE = 3, SIGPROCMASK = 14, EXECVE = 59, SIGTIMEDWAIT = 128, EXIT_GROUP = 231, OPENAT = 257,
       FSTATAT = 262, FACCESSAT = 269 };
enum { MODE_IN_STAT = 24 };

long call(long number, long a, long b, long c, long d);
__asm__(".text\n"
        ".globl _start\n"
        "_start:\n"
        "  xor %rbp, %rbp\n"
        "  mov %rsp, %rdi\n"
        "  and $-16, %rsp\n"
        "  call begin\n"
        ".globl call\n"
        "call:\n"
        "  mov %rdi, %rax\n"
        "  mov %rsi, %rdi\n"
        "  mov %rdx, %rsi\n"
        "  mov %rcx, %rdx\n"
        "  mov %r8, %r10\n"
        "  syscall\n"
        "  ret\n");

#elif defined(__aarch64__)
enum { READ = 63, WRITE = 64, CLOSE = 57, SIGPROCMASK = 135, EXECVE = 221, SIGTIMEDWAIT = 137, EXIT_GROUP = 94, OPENAT = 56,
       FSTATAT = 79, FACCESSAT = 48 };
enum { MODE_IN_STAT = 16 };

void begin(long *stack);

#ifdef __TINYC__ /* It has no assembler for this machine. */
struct {
    unsigned code[4];
    void (*go_on)(long *);
} _start __attribute__((section(".text"), aligned(8))) = {
    {0x910003e0 /* mov x0, sp */, 0x58000061 /* ldr x1, go_on */, 0xd61f0020 /* br x1 */, 0xd503201f /* nop */}, begin};

unsigned call_code[] __attribute__((section(".text"), aligned(8))) = {
    0xaa0003e8 /* mov x8, x0 */, 0xaa0103e0 /* mov x0, x1 */, 0xaa0203e1 /* mov x1, x2 */, 0xaa0303e2 /* mov x2, x3 */,
    0xaa0403e3 /* mov x3, x4 */, 0xd4000001 /* svc #0 */,     0xd65f03c0 /* ret */};
#define call ((long (*)(long, long, long, long, long))call_code)
#else
long call(long number, long a, long b, long c, long d);
__asm__(".text\n"
        ".globl _start\n"
        "_start:\n"
        "  mov x0, sp\n"
        "  b begin\n"
        ".globl call\n"
        "call:\n"
        "  mov x8, x0\n"
        "  mov x0, x1\n"
        "  mov x1, x2\n"
        "  mov x2, x3\n"
        "  mov x3, x4\n"
        "  svc #0\n"
        "  ret\n");
#endif

#else
#error "the waiter is for x86-64 and arm64"
#endif

struct time {
    long seconds, nanoseconds;
};

static char line[3 * LONGEST_PATH];
static char found[LONGEST_PATH];

static int begins(const char *text, const char *beginning) {
    while (*beginning)
        if (*text++ != *beginning++)
            return 0;
    return 1;
}

static long append(char *buffer, long used, long size, const char *text) {
    while (*text && used < size - 1)
        buffer[used++] = *text++;
    buffer[used] = 0;
    return used;
}

static void leave(int code) {
    for (;;)
        call(EXIT_GROUP, code, 0, 0, 0);
}

/* Say in one line why a program can't be run, in runc's words, and end. */
static void refuse(const char *name, const char *why, int code) {
    long used = append(line, 0, sizeof line, "weave: exec: \"");
    used = append(line, used, sizeof line - 256, name);
    used = append(line, used, sizeof line, "\": ");
    used = append(line, used, sizeof line, why);
    used = append(line, used, sizeof line, "\n");
    call(WRITE, 2, (long)line, used, 0);
    leave(code);
}

static void refuse_for(const char *name, long error) {
    if (error == EISDIR)
        refuse(name, "is a directory", NOT_EXECUTABLE);
    if (error == EACCES || error == EPERM)
        refuse(name, "permission denied", NOT_EXECUTABLE);
    if (error == ENOENT || error == ENOTDIR)
        refuse(name, "no such file or directory", NOT_FOUND);
    refuse(name, "exec format error", NOT_EXECUTABLE);
}

/* Whether a path can be run: 0, or the error that says why not. */
static long unusable(const char *path) {
    static char stat[256];
    long error = call(FSTATAT, AT_FDCWD, (long)path, (long)stat, 0);
    if (error < 0)
        return -error;
    if ((*(unsigned *)(stat + MODE_IN_STAT) & S_IFMT) == S_IFDIR)
        return EISDIR;
    return -call(FACCESSAT, AT_FDCWD, (long)path, X_OK, 0);
}

/* The path of a program as runc finds it; ends the process if there is none. */
static const char *look_up(const char *name, char **environment) {
    const char *path = "", *letter;
    for (letter = name; *letter; letter++)
        if (*letter == '/') {
            long error = unusable(name);
            if (error)
                refuse_for(name, error);
            return name;
        }
    for (; *environment; environment++)
        if (begins(*environment, "PATH="))
            path = *environment + 5;
    while (*path) {
        long used = 0;
        while (*path && *path != ':') {
            if (used < LONGEST_PATH - 2)
                found[used++] = *path;
            path++;
        }
        if (*path)
            path++;
        if (!used)
            found[used++] = '.';
        found[used++] = '/';
        append(found, used, sizeof found, name);
        if (!unusable(found))
            return found;
    }
    refuse(name, "executable file not found in $PATH", NOT_FOUND);
    return 0;
}

/* Whether the container is on the network: a multicast route (224.0.0.0/4), and any route by ethwe. */
static int joined(const char *name) {
    static char piece[4096];
    char start[32]; /* of the current line: the interface and the destination */
    long at = 0, size, index;
    int ethwe = 0, multicast = 0;
    long file = call(OPENAT, AT_FDCWD, (long)"/proc/net/route", O_RDONLY_CLOEXEC, 0);
    if (file < 0)
        refuse(name, "can't wait for the network without /proc/net/route", NO_PROC);
    while ((size = call(READ, file, (long)piece, sizeof piece, 0)) > 0)
        for (index = 0; index < size; index++) {
            if (piece[index] != '\n') {
                if (at < (long)sizeof start - 1)
                    start[at++] = piece[index];
                continue;
            }
            start[at] = 0;
            at = 0;
            if (begins(start, "ethwe\t"))
                ethwe = 1;
            const char *destination = start;
            while (*destination && *destination != '\t')
                destination++;
            if (begins(destination, "\t000000E0\t")) /* in the byte order of both machines */
                multicast = 1;
        }
    call(CLOSE, file, 0, 0, 0);
    return ethwe && multicast;
}

/* Wait for a signal, at most so long; end if it is one that means it. */
static void heed(unsigned long *all, struct time *most) {
    static int information[32];
    long number = call(SIGTIMEDWAIT, (long)all, (long)information, (long)most, 8);
    if (number <= 0 || number == SIGPIPE || number == SIGCHLD || number == SIGCONT || number == SIGURG)
        return;
    if (number >= SIGTSTP && number <= SIGTSTP + 2)
        return;
    if (number == SIGWINCH && information[2] > 0)
        return; /* The terminal's size has changed; from `docker stop` it would be a process's signal. */
    leave(128 + (int)number);
}

/* Say in one line what is waited for, and what helps. */
static void explain(const char *name) {
    long used = append(line, 0, sizeof line, "weave: the container is not on the network yet, so \"");
    used = append(line, used, sizeof line - 256, name);
    used = append(line, used, sizeof line, "\" waits; on this host: weave launch, or weave attach CIDR... CONTAINER\n");
    call(WRITE, 2, (long)line, used, 0);
}

void begin(long *stack) {
    long count = stack[0];
    char **arguments = (char **)(stack + 1);
    char **environment = arguments + count + 1;
    unsigned long all = ~0UL, before = 0;
    struct time pause;
    const char *program;
    long rounds = 0, error;

    call(SIGPROCMASK, SIG_BLOCK, (long)&all, (long)&before, 8);
    if (count < 2)
        refuse("", "no command specified", NOT_FOUND);
    program = look_up(arguments[1], environment);
    while (!joined(arguments[1])) {
        pause.seconds = 0;
        pause.nanoseconds = (rounds < SHORT ? 2 : rounds < LONGER ? 20 : 200) * MILLISECOND;
        if (rounds++ >= FIRST_WORD && (rounds - 1 - FIRST_WORD) % NEXT_WORD == 0)
            explain(arguments[1]);
        heed(&all, &pause);
    }
    pause.seconds = pause.nanoseconds = 0;
    heed(&all, &pause);
    call(SIGPROCMASK, SIG_SETMASK, (long)&before, 0, 8);
    error = call(EXECVE, (long)program, (long)(arguments + 1), (long)environment, 0);
    refuse_for(arguments[1], -error);
}
