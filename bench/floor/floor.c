/* The floor: the least a process can do that turns XSTech's events into OpenAI's chunks. It receives, translates and sends, and nothing
 * else: it trusts everyone, knows only the simulator's way of writing, checks nothing, limits nothing and logs nothing. One thread, one
 * epoll, two descriptors a client: its own connection and one to the upstream that stays with it. A request without history makes a
 * session first, one with history goes on in the connection's last session.
 *
 *     floor LISTEN_PORT UPSTREAM_PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

struct bytes {
  char *at;
  size_t count, room;
};

struct end {
  int fd;
  bool is_client, is_closed, is_paused;
  struct end *mate;
  struct end *next_closed;
  struct bytes in;  /* not understood yet: a request, a head, the beginning of a line */
  struct bytes out; /* what the socket did not take */
};

/* One client with its upstream connection. */
struct pair {
  struct end client, upstream;
  enum { IDLE, SESSION, HEAD, BODY } state;
  bool is_stream;
  long session;
  size_t chunk_left; /* bytes of the upstream's current chunk and its CR LF */
  struct bytes text; /* of an answer that is not streamed */
};

static const char PIECE[] = "data: {\"code\":0,\"type\":\"string\",\"data\":\"";
static const char RECORD[] = "data: {\"code\":0,\"type\":\"object\"";
static const char CHUNK[] = "data: {\"id\":\"chatcmpl-0123456789abcdef01234567\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"
                            "\"model\":\"xstech-openai::gpt-5.5\",\"choices\":[{\"index\":0,\"delta\":{";
static const char CONTENT[] = "\"content\":\"";
static const char CHUNK_END[] = "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
static const char STOP_END[] = "},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
static const char STREAM_HEAD[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
static const char ANSWER[] = "{\"id\":\"chatcmpl-0123456789abcdef01234567\",\"object\":\"chat.completion\",\"created\":1764000000,"
                             "\"model\":\"xstech-openai::gpt-5.5\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"";
static const char ANSWER_END[] = "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}";

static int epoll, upstream_port;
static struct end *closed;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void add(struct bytes *to, const char *from, size_t count) {
  if (to->count + count > to->room) {
    to->room = 2 * (to->count + count);
    to->at = realloc(to->at, to->room);
    if (!to->at) fail("realloc");
  }
  memcpy(to->at + to->count, from, count);
  to->count += count;
}
#define ADD(to, literal) add(to, literal, sizeof literal - 1)

static void drop(struct bytes *from) {
  free(from->at);
  *from = (struct bytes){0};
}

/* MARK: sockets */

static void watch(struct end *end, int operation) {
  struct epoll_event event = {.events = (end->is_paused ? 0 : EPOLLIN) | (end->out.count ? EPOLLOUT : 0), .data.ptr = end};
  if (epoll_ctl(epoll, operation, end->fd, &event)) fail("epoll_ctl");
}

static struct pair *pair_of(struct end *end) { return (struct pair *)(end->is_client ? end : end->mate); }

static void hang_up(struct end *end) {
  if (end->is_closed) return;
  end->is_closed = end->mate->is_closed = true;
  close(end->fd);
  close(end->mate->fd);
  /* Events of this turn may still point to them. */
  struct end *client = end->is_client ? end : end->mate;
  client->next_closed = closed;
  closed = client;
}

static void send_bytes(struct end *end, const char *from, size_t count) {
  ssize_t sent = end->out.count ? 0 : send(end->fd, from, count, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != ENOTCONN) return hang_up(end);
  if (sent < 0) sent = 0;
  if ((size_t)sent == count) return;
  add(&end->out, from + sent, count - (size_t)sent);
  end->mate->is_paused = true;
  watch(end, EPOLL_CTL_MOD);
  watch(end->mate, EPOLL_CTL_MOD);
}

static void flush(struct end *end) {
  ssize_t sent = send(end->fd, end->out.at, end->out.count, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN) hang_up(end);
    return;
  }
  end->out.count -= (size_t)sent;
  memmove(end->out.at, end->out.at + sent, end->out.count);
  if (end->out.count) return;
  drop(&end->out);
  end->mate->is_paused = false;
  watch(end, EPOLL_CTL_MOD);
  watch(end->mate, EPOLL_CTL_MOD);
}

static int new_socket(void) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* inherited by what is accepted */
  return fd;
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void welcome(int fd) {
  struct pair *pair = calloc(1, sizeof *pair);
  if (!pair) fail("calloc");
  struct sockaddr_in address = loopback(upstream_port);
  pair->client = (struct end){.fd = fd, .is_client = true, .mate = &pair->upstream};
  pair->upstream = (struct end){.fd = new_socket(), .mate = &pair->client};
  if (connect(pair->upstream.fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) fail("connect");
  watch(&pair->client, EPOLL_CTL_ADD);
  watch(&pair->upstream, EPOLL_CTL_ADD);
}

/* MARK: requests */

static void post(struct pair *pair, const char *path, const char *body, size_t count) {
  char head[256];
  int length = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nhost: x\r\nauthorization: token-1\r\ncontent-type: application/json\r\n"
                        "content-length: %zu\r\n\r\n", path, count);
  struct bytes request = {0};
  add(&request, head, (size_t)length);
  add(&request, body, count);
  send_bytes(&pair->upstream, request.at, request.count);
  drop(&request);
}

/* The user's last text goes on as the JSON string that it is. */
static void complete(struct pair *pair) {
  struct bytes *in = &pair->client.in, body = {0};
  const char *from = NULL, *at = in->at;
  while ((at = memmem(at, (size_t)(in->at + in->count - at), "\"content\":", 10))) from = at += 10;
  if (!from) return hang_up(&pair->client);
  const char *end = from + 1;
  while (*end != '"') end += *end == '\\' ? 2 : 1;
  char rest[64];
  int length = snprintf(rest, sizeof rest, ",\"sessionId\":%ld,\"files\":[]}", pair->session);
  ADD(&body, "{\"text\":");
  add(&body, from, (size_t)(end + 1 - from));
  add(&body, rest, (size_t)length);
  pair->state = HEAD;
  drop(in);
  post(pair, "/api/chat/completions", body.at, body.count);
  drop(&body);
}

/* Where the body begins, once it is there as a whole; 0 until then. */
static size_t whole_message(const struct bytes *in) {
  const char *end = memmem(in->at, in->count, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t body = (size_t)(end - in->at) + 4;
  const char *field = memmem(in->at, body, "\r\ncontent-length:", 17);
  return in->count - body >= (field ? strtoul(field + 17, NULL, 10) : 0) ? body : 0;
}

static void read_request(struct pair *pair) {
  struct bytes *in = &pair->client.in;
  if (!whole_message(in)) return;
  if (in->at[0] == 'G') {
    static const char ready[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    drop(in);
    return send_bytes(&pair->client, ready, sizeof ready - 1);
  }
  pair->is_stream = memmem(in->at, in->count, "\"stream\":true", 13);
  if (pair->session && memmem(in->at, in->count, "\"role\":\"assistant\"", 18)) return complete(pair);
  pair->state = SESSION;
  post(pair, "/api/chat/session", "{}", 2);
}

/* MARK: answers */

/* One line of the event stream. A piece's text goes on as the JSON string that it is. */
static void translate(struct pair *pair, struct bytes *out, const char *line, size_t count) {
  if (count > sizeof PIECE && !memcmp(line, PIECE, sizeof PIECE - 1)) {
    const char *text = line + sizeof PIECE - 1;
    size_t length = count - (sizeof PIECE - 1) - 2; /* ends with "} */
    if (!pair->is_stream) return add(&pair->text, text, length);
    ADD(out, CHUNK);
    ADD(out, CONTENT);
    add(out, text, length);
    ADD(out, CHUNK_END);
  } else if (pair->is_stream && count > sizeof RECORD && !memcmp(line, RECORD, sizeof RECORD - 1)) {
    ADD(out, CHUNK);
    ADD(out, STOP_END);
  }
}

static void read_lines(struct pair *pair, struct bytes *out, const char *from, size_t count) {
  struct bytes *begun = &pair->upstream.in;
  const char *end;
  while (count && (end = memchr(from, '\n', count))) {
    size_t length = (size_t)(end - from);
    if (begun->count) {
      add(begun, from, length);
      translate(pair, out, begun->at, begun->count);
      drop(begun);
    } else {
      translate(pair, out, from, length);
    }
    from += length + 1;
    count -= length + 1;
  }
  if (count) add(begun, from, count);
}

/* Takes the chunks apart; true at the end of the body. Chunk lines come whole, since the simulator writes them with their data. */
static bool read_chunks(struct pair *pair, struct bytes *out, const char *from, size_t count) {
  while (count) {
    if (!pair->chunk_left) {
      char *end;
      size_t size = strtoul(from, &end, 16), line = (size_t)(end - from) + 2;
      if (!size) return true;
      pair->chunk_left = size + 2;
      from += line;
      count -= line;
    }
    size_t taken = pair->chunk_left < count ? pair->chunk_left : count;
    size_t data = pair->chunk_left > 2 ? pair->chunk_left - 2 : 0;
    read_lines(pair, out, from, data < taken ? data : taken);
    pair->chunk_left -= taken;
    from += taken;
    count -= taken;
  }
  return false;
}

static void answer_whole(struct pair *pair) {
  char head[128];
  struct bytes out = {0};
  size_t length = sizeof ANSWER - 1 + pair->text.count + sizeof ANSWER_END - 1;
  int count = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", length);
  add(&out, head, (size_t)count);
  ADD(&out, ANSWER);
  add(&out, pair->text.at, pair->text.count);
  ADD(&out, ANSWER_END);
  drop(&pair->text);
  send_bytes(&pair->client, out.at, out.count);
  drop(&out);
}

/* What came in one read leaves in one write, as one chunk. The buffer has room for the chunk's size in front. */
static void read_body(struct pair *pair, const char *from, size_t count, bool with_head) {
  enum { SIZE_LINE = 8 };
  static struct bytes out;
  out.count = 0;
  if (with_head && pair->is_stream) ADD(&out, STREAM_HEAD);
  size_t start = out.count;
  ADD(&out, "        ");
  bool is_over = read_chunks(pair, &out, from, count);
  if (is_over) pair->state = IDLE;
  if (!pair->is_stream) {
    if (is_over) answer_whole(pair);
    return;
  }
  size_t length = out.count - start - SIZE_LINE;
  if (length) {
    char *size = out.at + start;
    for (int digit = SIZE_LINE - 3; digit >= 0; digit--, length >>= 4) size[digit] = "0123456789abcdef"[length & 15];
    memcpy(size + SIZE_LINE - 2, "\r\n", 2);
    ADD(&out, "\r\n");
  } else {
    out.count = start;
  }
  if (is_over) ADD(&out, "0\r\n\r\n");
  if (out.count) send_bytes(&pair->client, out.at, out.count);
}

static void read_answer(struct pair *pair, const char *from, size_t count) {
  struct bytes *in = &pair->upstream.in;
  if (pair->state == BODY) return read_body(pair, from, count, false);
  add(in, from, count);
  if (pair->state == SESSION) {
    size_t body = whole_message(in);
    const char *id = body ? memmem(in->at + body, in->count - body, "\"id\":", 5) : NULL;
    if (!body) return;
    if (!id) return hang_up(&pair->client);
    pair->session = atol(id + 5);
    drop(in);
    return complete(pair);
  }
  char *end = memmem(in->at, in->count, "\r\n\r\n", 4);
  if (!end) return;
  struct bytes whole = *in;
  *in = (struct bytes){0};
  pair->state = BODY;
  pair->chunk_left = 0;
  read_body(pair, end + 4, whole.count - (size_t)(end + 4 - whole.at), true);
  drop(&whole);
}

static void readable(struct end *end) {
  static char bytes[65536 + 1];
  ssize_t count = recv(end->fd, bytes, sizeof bytes - 1, 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return hang_up(end);
  bytes[count] = 0;
  struct pair *pair = pair_of(end);
  if (!end->is_client) return read_answer(pair, bytes, (size_t)count);
  add(&end->in, bytes, (size_t)count);
  if (pair->state == IDLE) read_request(pair);
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: floor LISTEN_PORT UPSTREAM_PORT\n");
    return 64;
  }
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files)) fail("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files)) fail("setrlimit");
  upstream_port = atoi(arguments[2]);
  struct sockaddr_in address = loopback(atoi(arguments[1]));
  int listener = new_socket();
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) fail("listen");
  epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN}, events[256];
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event)) fail("epoll");
  for (;;) {
    int ready = epoll_wait(epoll, events, 256, -1);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    for (int index = 0; index < ready; index++) {
      struct end *end = events[index].data.ptr;
      if (!end) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) welcome(fd);
        continue;
      }
      if (!end->is_closed && events[index].events & EPOLLOUT && end->out.count) flush(end);
      if (!end->is_closed && events[index].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) readable(end);
    }
    while (closed) {
      struct pair *pair = (struct pair *)closed;
      closed = closed->next_closed;
      drop(&pair->client.in), drop(&pair->client.out), drop(&pair->upstream.in), drop(&pair->upstream.out), drop(&pair->text);
      free(pair);
    }
  }
}
