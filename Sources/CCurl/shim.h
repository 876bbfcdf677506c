#ifndef XTGATEWAY_CCURL_SHIM_H
#define XTGATEWAY_CCURL_SHIM_H

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Typed forms of libcurl's variadic functions, which Swift cannot import. */

static inline CURLcode ccurl_set_number(CURL *easy, CURLoption option, long value) { return curl_easy_setopt(easy, option, value); }

static inline CURLcode ccurl_set_size(CURL *easy, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(easy, option, value);
}

/* libcurl copies the text. */
static inline CURLcode ccurl_set_text(CURL *easy, CURLoption option, const char *text) {
  return curl_easy_setopt(easy, option, text);
}

static inline CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, const void *pointer) {
  return curl_easy_setopt(easy, option, pointer);
}

static inline CURLcode ccurl_set_headers(CURL *easy, struct curl_slist *list) {
  return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
}

static inline CURLcode ccurl_set_error_text(CURL *easy, char *text) { return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, text); }

/* Callbacks; `object` is what each of them gets as its user pointer. */

static inline CURLcode ccurl_on_body(CURL *easy, curl_write_callback callback, void *object) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, callback);
  return code ? code : curl_easy_setopt(easy, CURLOPT_WRITEDATA, object);
}

static inline CURLcode ccurl_on_header(CURL *easy, curl_write_callback callback, void *object) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, callback);
  return code ? code : curl_easy_setopt(easy, CURLOPT_HEADERDATA, object);
}

static inline CURLcode ccurl_on_read(CURL *easy, curl_read_callback callback, void *object) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_READFUNCTION, callback);
  return code ? code : curl_easy_setopt(easy, CURLOPT_READDATA, object);
}

static inline CURLcode ccurl_on_seek(CURL *easy, curl_seek_callback callback, void *object) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, callback);
  return code ? code : curl_easy_setopt(easy, CURLOPT_SEEKDATA, object);
}

static inline CURLcode ccurl_on_sending(CURL *easy, curl_prereq_callback callback, void *object) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, callback);
  return code ? code : curl_easy_setopt(easy, CURLOPT_PREREQDATA, object);
}

/* When a connection's socket is there … */
static inline CURLcode ccurl_on_open_socket(CURL *easy, curl_sockopt_callback callback, void *object) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, callback);
  return code ? code : curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, object);
}

/* … and when it is to be closed, which the callback has to do. */
static inline CURLcode ccurl_on_close_socket(CURL *easy, curl_closesocket_callback callback, void *object) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, callback);
  return code ? code : curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, object);
}

/* 0 or 1, as libcurl wants it. */
static inline int ccurl_close_socket(curl_socket_t socket) { return close(socket) == 0 ? 0 : 1; }

/* recv(2) and send(2), not through the C library's functions: in a process of several threads those make a cancellation point of every
   call, and nobody cancels threads here. Failures are in errno as ever. */

static inline ssize_t ccurl_receive(curl_socket_t fd, void *bytes, size_t count, int flags) {
  return syscall(SYS_recvfrom, fd, bytes, count, flags, NULL, NULL);
}

static inline ssize_t ccurl_send(curl_socket_t fd, const void *bytes, size_t count) {
  return syscall(SYS_sendto, fd, bytes, count, MSG_NOSIGNAL, NULL, 0L);
}

struct ccurl_address {
  struct sockaddr_storage socket;
  socklen_t length;
};

/* Where a connection leads; 0 for an address of TCP. */
static inline int ccurl_peer_address(curl_socket_t socket, struct ccurl_address *address) {
  address->length = sizeof address->socket;
  if (getpeername(socket, (struct sockaddr *)&address->socket, &address->length) != 0) return -1;
  return address->socket.ss_family == AF_INET || address->socket.ss_family == AF_INET6 ? 0 : -1;
}

/* A socket that is about to be connected, set up as libcurl's are with EasyHandle's options; -1 where that failed at once. */
static inline curl_socket_t ccurl_connect(const struct ccurl_address *address) {
  curl_socket_t fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return -1;
  /* Libcurl's default, in seconds. */
  const int on = 1, keep_alive = 60;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
      setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0 &&
      setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keep_alive, sizeof keep_alive) == 0 &&
      setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &keep_alive, sizeof keep_alive) == 0 &&
      (connect(fd, (const struct sockaddr *)&address->socket, address->length) == 0 || errno == EINPROGRESS))
    return fd;
  close(fd);
  return -1;
}

/* What was set as CURLOPT_PRIVATE. */
static inline CURLcode ccurl_get_private(CURL *easy, void **pointer) {
  char *value = NULL;
  CURLcode code = curl_easy_getinfo(easy, CURLINFO_PRIVATE, &value);
  *pointer = value;
  return code;
}

/* Of a connection made with CURLOPT_CONNECT_ONLY. */
static inline CURLcode ccurl_get_active_socket(CURL *easy, curl_socket_t *socket) {
  return curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, socket);
}

static inline CURLMcode ccurl_multi_set_number(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

static inline CURLMcode ccurl_multi_on_socket(CURLM *multi, curl_socket_callback callback, void *object) {
  CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, callback);
  return code ? code : curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, object);
}

static inline CURLMcode ccurl_multi_on_timer(CURLM *multi, curl_multi_timer_callback callback, void *object) {
  CURLMcode code = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, callback);
  return code ? code : curl_multi_setopt(multi, CURLMOPT_TIMERDATA, object);
}

#endif
