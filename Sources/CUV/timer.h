#ifndef XTGATEWAY_CUV_TIMER_H
#define XTGATEWAY_CUV_TIMER_H

#include <errno.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Timers of the kernel as descriptors, for times that libuv's milliseconds are too coarse for. All of them answer like libuv: negative
   errno values for failures. */

static inline int cuv_timer_open(void) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/* Fires once after so many microseconds; 0: as soon as somebody looks. What it was set to before is forgotten. */
static inline int cuv_timer_set(int fd, uint64_t microseconds) {
  struct itimerspec when = {.it_value = {.tv_sec = (time_t)(microseconds / 1000000), .tv_nsec = (long)(microseconds % 1000000) * 1000}};
  /* Nothing at all would stop it. */
  if (microseconds == 0) when.it_value.tv_nsec = 1;
  return timerfd_settime(fd, 0, &when, NULL) == 0 ? 0 : -errno;
}

/* Takes notice that it has fired; until then it stays readable. 1: it has, 0: it has not, being set anew meanwhile. */
static inline int cuv_timer_take(int fd) {
  uint64_t times;
  if (read(fd, &times, sizeof times) == (ssize_t)sizeof times) return 1;
  return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

#endif
