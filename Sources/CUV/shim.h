#ifndef XTGATEWAY_CUV_SHIM_H
#define XTGATEWAY_CUV_SHIM_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

/* Socket calls whose constants and structures differ between C libraries as Swift sees them. All of them answer like libuv:
   negative errno values for failures. */

static inline socklen_t cuv_address_length(const struct sockaddr *address) {
  return address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* A non-blocking listening socket. TCP_NODELAY is set here because accepted sockets inherit it. */
static inline int cuv_listen(const struct sockaddr *address, int backlog, int reuse_port) {
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      bind(fd, address, cuv_address_length(address)) != 0 || listen(fd, backlog) != 0) {
    int code = -errno;
    close(fd);
    return code;
  }
  return fd;
}

/* Whether somebody listens on the address already. A socket that shares its port (SO_REUSEPORT) would not be told. 0: nobody does. */
static inline int cuv_probe_address(const struct sockaddr *address) {
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  const int on = 1;
  int code = 0;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 || bind(fd, address, cuv_address_length(address)) != 0) code = -errno;
  close(fd);
  return code;
}

/* Declared here because the headers show it only with _GNU_SOURCE, which would have to be set the same for every module. */
extern int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);

static inline int cuv_accept(int listener, struct sockaddr_storage *peer) {
  socklen_t length = sizeof *peer;
  int fd = accept4(listener, (struct sockaddr *)peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/* The port that a socket is bound to. */
static inline int cuv_local_port(int fd) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) return -errno;
  return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                             : ((struct sockaddr_in *)&address)->sin_port);
}

static inline int cuv_close_fd(int fd) { return close(fd) == 0 ? 0 : -errno; }

/* Makes close() send RST instead of FIN. */
static inline int cuv_abort_on_close(int fd) {
  const struct linger abort = {1, 0};
  return setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0 ? 0 : -errno;
}

/* The numeric address, IPv4 in its plain form where it came mapped into IPv6. */
static inline int cuv_address_text(const struct sockaddr *address, char *text, size_t size) {
  if (address->sa_family != AF_INET6) return uv_ip_name(address, text, size);
  const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
  if (!IN6_IS_ADDR_V4MAPPED(v6)) return uv_ip_name(address, text, size);
  struct sockaddr_in v4 = {.sin_family = AF_INET};
  memcpy(&v4.sin_addr, &v6->s6_addr[12], 4);
  return uv_ip_name((const struct sockaddr *)&v4, text, size);
}

/* Sends what the socket takes now; 0 if it takes nothing. uv_try_write ends in write(2), whose way through the kernel's file layer is
   longer, and looks at its queue and handle first. Not through the C library's send(), which in a process of several threads makes a
   cancellation point of it every time; nobody cancels threads here. */
static inline ssize_t cuv_send(int fd, const void *bytes, size_t count) {
  for (;;) {
    ssize_t sent = syscall(SYS_sendto, fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0L);
    if (sent >= 0) return sent;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    if (errno != EINTR) return -errno;
  }
}

/* Gives the calling thread a descriptor table of its own, with nothing but the standard descriptors in it. -ENOSYS before Linux 5.9; a
   container may forbid it. The flag is CLOSE_RANGE_UNSHARE, which older headers do not know. */
static inline int cuv_own_descriptors(void) {
#ifdef SYS_close_range
  return syscall(SYS_close_range, 3U, ~0U, 1U << 1) == 0 ? 0 : -errno;
#else
  return -ENOSYS;
#endif
}

/* Asks for cache lines from `address` on. A hint: it changes nothing, and fails on no address. */
static inline void cuv_prefetch(uintptr_t address, uintptr_t lines) {
  for (; lines > 0; lines--, address += 64) __builtin_prefetch((const void *)address);
}

/* A write to a dead peer is to fail with EPIPE, not to end the process. */
static inline int cuv_ignore_sigpipe(void) { return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0; }

/* By how much the kernel may put off the end of the calling thread's sleeps and waits; it is 50 µs by default. A sandbox may not know the
   call: they stay as they are. */
static inline void cuv_set_timer_slack(unsigned long nanoseconds) { (void)prctl(PR_SET_TIMERSLACK, nanoseconds, 0UL, 0UL, 0UL); }

/* Suspends the thread for less than a second; a signal may end it earlier. */
static inline void cuv_sleep(long nanoseconds) {
  const struct timespec time = {0, nanoseconds};
  (void)nanosleep(&time, NULL);
}

/* The calling thread's name as top and gdb show it; the kernel cuts it off after 15 bytes. */
static inline int cuv_name_thread(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0) == 0 ? 0 : -errno; }

#endif
