import FuzzSupport
import OpenAI
import Wire

/// Bodies of chat requests: refused in words, or within every limit.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let body = ByteBuffer(capacity: count)
  body.append(UnsafeRawBufferPointer(start: bytes, count: count))
  var limits = RequestLimits()
  (limits.maxJSONDepth, limits.maxMessages, limits.maxImageBytes) = (12, 8, 96)
  guard let request = decode(body, limits) else { return 0 }

  require(!request.model.isEmpty, "a model is named")
  require((1...limits.maxMessages).contains(request.messages.count), "at least one message, and not too many")
  require(request.stop.count <= 4 && request.stop.allSatisfy { !$0.isEmpty }, "stop sequences")
  require(request.temperature.map { (0...2).contains($0) } ?? true, "temperature")
  require(request.presencePenalty.map { (-2...2).contains($0) } ?? true, "presence_penalty")
  require(request.frequencyPenalty.map { (-2...2).contains($0) } ?? true, "frequency_penalty")
  require(request.maxTokens.map { $0 >= 1 } ?? true, "max_tokens")
  for image in request.messages.flatMap(\.images) { check(image, limits) }

  let plain = rewritten(request)
  guard let again = decode(plain, limits) else { fatalError("broken: what was accepted is refused: \(plain.text)") }
  require(again.model == request.model && again.stream == request.stream && again.stop == request.stop, "the same request")
  require(again.messages.map(\.text) == request.messages.map(\.text), "the same texts")
  require(again.messages.map(\.role) == request.messages.map(\.role), "the same roles")
  return 0
}

private func decode(_ body: ByteBuffer, _ limits: RequestLimits) -> ChatRequest? {
  do throws(RequestError) {
    return try ChatRequest.decode(body, limits: limits)
  } catch {
    require(!error.message.isEmpty, "a refusal has words")
    return nil
  }
}

private func check(_ image: Image, _ limits: RequestLimits) {
  require(image.base64.lowerBound >= 0 && image.base64.upperBound <= image.buffer.count, "an image lies in its buffer")
  require((1...limits.maxImageBytes).contains(image.byteCount), "an image keeps to its limit")
  let base64 = UnsafeRawBufferPointer(rebasing: image.buffer.bytes[image.base64])
  require(Base64.decodedCount(base64) == image.byteCount, "base64 of that size")
  require(ImageFormat(signature: Base64.decodePrefix(base64, limit: 16)) == image.format, "the format is the signature's")
  // It goes into the upstream's JSON as it is.
  require(base64.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }, "plain characters")
}

private func rewritten(_ request: ChatRequest) -> ByteBuffer {
  var json = JSONWriter(ByteBuffer())
  json.beginObject()
  json.key("model")
  json.string(request.model)
  json.key("stream")
  json.bool(request.stream)
  json.key("stop")
  json.beginArray()
  for stop in request.stop { json.string(stop) }
  json.endArray()
  json.key("messages")
  json.beginArray()
  for message in request.messages {
    json.beginObject()
    json.key("role")
    json.string(String(describing: message.role))
    json.key("content")
    json.string(message.text)
    json.endObject()
  }
  json.endArray()
  json.endObject()
  return json.buffer
}
