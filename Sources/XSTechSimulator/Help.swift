enum Help {
  static let text = """
    Speaks the protocol of https://xstech.one, and the same answers in OpenAI's form at /v1/models and
    /v1/chat/completions (any key, no sessions). Answers depend on nothing but the request and these options.

    DIRECTIVES in a message's text (the last line that holds any; several may stand on it):
      @memory            JSON of what the model is shown: {"session","prompt","model","temperature","maxToken",
                         "contextCount","rounds":[{"user","assistant","files"}],"text","files":[{"name","type","bytes"}],…}
      @recall            the user's texts that the model is shown, one a line
      @echo TEXT         exactly TEXT, to the end of the message
      @say N [BYTES]     N pieces "t=<Unix time in ns, last 16 digits>;n=<6 digits from 0>;" + padding, BYTES (64) each
      @think             reasoning in <think>…</think> first, the tags split over pieces
      @images            names, types (by their first bytes) and sizes of the files; so does any message with files
      @pace MS           milliseconds between pieces, for this answer
      @fault F[,F…]      faults for this request; %XX in values is decoded
    Anything else is echoed in a sentence with Chinese, English and emoji. maxToken cuts that (and @think) by pieces.

    FAULTS. K: after so many pieces.
      http=STATUS[:WAIT]  an HTTP error; HTML from 500; Retry-After with WAIT, and always with 429
      envelope=CODE[:MSG] HTTP 200 with application/json and this code
      expired  token-envelope  rate-limit[=WAIT]  credits  model  content
                          401 · 200 with 登录已过期 · 429 · 积分不足 · 无可用渠道 · 内容违规
      html  redirect      200 with text/html · 302
      slow-first=MS       the whole answer, head included, comes so late
      error-first[=MSG]  error-after=K[:MSG]     an event with a code
      stall=K  reset=K  close=K  truncate=K  garbage[=K]
                          silence · RST · a clean end without [DONE] · cut inside a chunk · an event that is no JSON
      split=N             written in slices of N bytes, through characters and line ends
      crlf  comments  unknown-events  no-code  spaces  lines  escapes  go-escapes
                          legal, but not what one is used to: CRLF · comments, id, retry, event · other types · no code ·
                          white space and another key order · several data lines an event · \\uXXXX · <>& as \\u003c…
      no-done  no-object  empty  long-ai-text  gzip-header
                          no [DONE] · no object event · [DONE] alone · aiText longer than the pieces · a wrong encoding
    A call that streams nothing knows http … slow-first, error-*, stall, garbage, and reset for the other cuts.

    --fault '[account=NAME;][call=CALL;][count=N;]F[,F…]' sets faults for every account, or one (its token, or its user),
    for completions or another CALL (a name in /_stats, or *), for N requests or all.

    ENDPOINTS for tests: POST /_control {"fault":F,"account":NAME,"call":CALL,"count":N} adds such a fault; {"clear":true};
    {"revoke":USER} ends the tokens of its logins; {"credits":N,"account":NAME}; {"pieces","piece_bytes","interval_ms",
    "first_ms","reasoning","prompt_echo"} as the options. GET /_stats, /_sessions, /_requests (see --record-requests).
    POST /_reset: everything as at the start.

    TOKENS: opaque ones as given, with or without "Bearer ". A login gives a JWT; one that a test built itself,
    with userId and exp in the payload and the signature \(Accounts.tokenSignature), is good too.

    SESSIONS: one completion at a time; contextCount is honoured; PUT replaces everything. An answer that broke off
    after some text (client gone, error, cut) is remembered as far as it went; without any text it is not remembered.
    completionTokens is the number of pieces; promptTokens a quarter of the bytes of prompt, shown rounds and text, and 85 a file.
    """
}
