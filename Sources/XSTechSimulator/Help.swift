enum Help {
  /// Lines of at most 79 columns, which is how wide help is printed where the terminal's width is unknown.
  static let text = """
    Speaks the protocol of https://xstech.one, and gives the same answers in
    OpenAI's form at /v1/models and /v1/chat/completions (any key, no sessions).
    Answers depend on nothing but the request and these options.

    DIRECTIVES in a message's text. The last line that holds any counts, for a
    client may write its whole history out; several may stand on one line.
      @memory         JSON of what the model is shown: session, prompt, model,
                      temperature, maxToken, contextCount, …, text,
                      rounds: [{user, assistant, files}],
                      files: [{name, type, bytes}]
      @recall         the user's texts that the model is shown, one a line
      @echo TEXT      exactly TEXT, to the end of the message
      @say N [BYTES]  N pieces of BYTES (64) bytes each: t=<Unix time in ns, last
                      16 digits>;n=<6 digits, from 0>; and padding
      @think          reasoning in <think>…</think> first, its tags split
      @images         names, types (by the first bytes) and sizes of the files;
                      a message with files gets that anyway
      @pace MS        milliseconds between the pieces of this answer
      @batch N        pieces in one write (16) where there is no pace
      @fault F[,F…]   faults for this request; %XX in values is decoded
    Anything else is echoed in a sentence of Chinese, English and emoji.
    maxToken cuts that (and @think) to so many pieces.

    FAULTS (K: after so many pieces)
      http=STATUS[:WAIT]   an HTTP error, as HTML from 500; Retry-After with
                           WAIT, and with 429 always
      envelope=CODE[:MSG]  HTTP 200, application/json, this code
      expired              HTTP 401
      token-envelope       HTTP 200 with 登录已过期
      rate-limit[=WAIT]    HTTP 429 with 请求过于频繁
      credits model content   HTTP 200 with 积分不足, 无可用渠道, 内容违规
      html redirect        HTTP 200 with text/html; 302
      slow-first=MS        the whole answer, head included, comes late
      error-first[=MSG]    an event with a code, instead of any text
      error-after=K[:MSG]  the same after some text
      stall=K              silence; the connection stays open
      reset=K              RST
      close=K              a clean end of the body, without [DONE]
      truncate=K           the connection ends inside a chunk
      garbage[=K]          an event that is no JSON
      split=N              written in slices of N bytes, cutting characters and
                           line ends
      no-done no-object    without [DONE]; without the object event
      empty                [DONE] alone
      long-ai-text         the object's aiText is longer than the pieces
      other-ai-text        the object's aiText (and the session) says otherwise
      gzip-header          a Content-Encoding that is not true
    and what is legal, but unusual:
      crlf                 CR LF as line end
      comments             comments, and id, retry and event lines
      unknown-events       events of other types
      no-code              events without code
      spaces               white space, another key order, no space after data:
      lines                an event over several data lines
      escapes go-escapes   every character as \\uXXXX; <>& as \\u003c…
    Calls that stream nothing know http to slow-first, error-*, stall and
    garbage; any other cut resets them.

    --fault '[account=NAME;][call=CALL;][count=N;]F[,F…]' sets faults for every
    account or one (named by its token, or its user), for completions or another
    CALL (named as in /_stats; * for every), for N requests or all.

    ENDPOINTS for tests
      POST /_control  {"fault":F,"account":NAME,"call":CALL,"count":N} adds such
                      faults, {"clear":true} ends them all; {"revoke":USER} ends
                      the tokens of its logins; {"credits":N,"account":NAME};
                      {"pieces","piece_bytes","interval_ms","first_ms",
                      "reasoning","prompt_echo"} as the options
      GET /_stats     what happened, without texts
      GET /_sessions  every session, with its records
      GET /_requests  the last requests (--record-requests)
      POST /_reset    everything as at the start

    TOKENS are opaque as given, with or without "Bearer ". A login gives a JWT;
    one that a test built itself is good too, with userId and exp in its payload
    and \(Accounts.tokenSignature) for a signature.

    SESSIONS take one completion at a time. An answer that broke off after some
    text (client gone, error, cut) is remembered as far as it went; one without
    text is not. completionTokens counts pieces; promptTokens is a quarter of the
    bytes of prompt, shown rounds and text, and 85 for each file.
    """
}
