import FedifyMQ
import FedifyMQPipe
import Testing

/// The requests of `fedify-mq pipe`.
@Suite struct MQPipeRequestTests {
    private typealias Operation = MQPipeRequest.Operation

    private static func operation(_ line: String) throws -> MQPipeRequest.Operation {
        try MQPipeRequest(Array(line.utf8)).operation()
    }

    private static func json(_ text: String) -> JSONValue { JSONValue(uncheckedJSON: text) }

    @Test(arguments: [
        (
            #"{"op":"enqueue","message":{"a":[1, null]}}"#,
            Operation.enqueue([json(#"{"a":[1,null]}"#)], delay: .zero, orderingKey: nil)
        ),
        (
            #"{"op":"enqueue","message":null,"delay":1.5,"orderingKey":"k\n"}"#,
            .enqueue([.null], delay: .seconds(1.5), orderingKey: "k\n")
        ),
        (
            #"{"op":"enqueue","message":1,"delay":null,"orderingKey":null}"#,
            .enqueue([json("1")], delay: .zero, orderingKey: nil)
        ),
        (
            #"{"op":"enqueueMany","messages":[1,[2],"3"]}"#,
            .enqueue([json("1"), json("[2]"), json("\"3\"")], delay: .zero, orderingKey: nil)
        ),
        (#"{"op":"enqueueMany","messages":[]}"#, .enqueue([], delay: .zero, orderingKey: nil)),
        (#"{"op":"depth","id":[1]}"#, .depth),
        (#"{"op":"listen"}"#, .listen(concurrency: 16)),
        (#"{"op":"listen","concurrency":3}"#, .listen(concurrency: 3)),
        (#"{"op":"settle","messageId":"a","outcome":"done"}"#, .settle(messageID: "a", .done)),
        (
            #"{"op":"settle","messageId":"a","outcome":"retry"}"#,
            .settle(messageID: "a", .retry(after: nil, reason: nil))
        ),
        (
            #"{"op":"settle","messageId":"a","outcome":"retry","after":2,"reason":"r"}"#,
            .settle(messageID: "a", .retry(after: .seconds(2), reason: "r"))
        ),
        (
            #"{"op":"settle","messageId":"a","outcome":"reject","reason":"r"}"#,
            .settle(messageID: "a", .reject(reason: "r"))
        ),
    ])
    func requestsAreRead(_ line: String, _ expected: MQPipeRequest.Operation) throws {
        #expect(try Self.operation(line) == expected)
    }

    @Test(arguments: [
        ("", "JSON"), ("[]", "object"), ("{}", "op must be one of"), (#"{"op":"fly"}"#, "op must be one of"),
        (#"{"op":1}"#, "op must be a string"), (#"{"op":"enqueue"}"#, "message is missing"),
        (#"{"op":"enqueue","message":1,"dellay":1}"#, "no member dellay"),
        (#"{"op":"enqueue","message":1,"delay":"1"}"#, "delay must be a number"),
        (#"{"op":"enqueue","message":1,"orderingKey":1}"#, "orderingKey must be a string"),
        (#"{"op":"enqueue","message":1,"orderingKey":"\ud800"}"#, "lone surrogates"),
        (#"{"op":"enqueueMany","messages":{}}"#, "messages must be an array"),
        (#"{"op":"enqueueMany"}"#, "messages is missing"),
        (#"{"op":"listen","concurrency":0}"#, "from 1 to 10000"), (#"{"op":"listen","concurrency":1.5}"#, "integer"),
        (#"{"op":"listen","concurrency":10001}"#, "from 1 to 10000"),
        (#"{"op":"settle","outcome":"done"}"#, "messageId is missing"),
        (#"{"op":"settle","messageId":"a"}"#, "outcome must be one of"),
        (#"{"op":"settle","messageId":"a","outcome":"done","after":1}"#, "no member after"),
    ])
    func whatIsWrongIsNamed(_ line: String, _ part: String) throws {
        let error = #expect(throws: MQPipeRequest.Malformed.self) { try Self.operation(line) }
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        #"{"op":"enqueue","message":1,"delay":-1}"#, #"{"op":"enqueue","message":1,"delay":1e999}"#,
        #"{"op":"settle","messageId":"a","outcome":"retry","after":-0.5}"#,
    ])
    func impossibleTimesAreInvalidDelays(_ line: String) throws {
        let error = #expect(throws: MQError.self) { try Self.operation(line) }
        #expect(error?.code == .invalidDelay)
    }

    @Test func theIDIsAnyJSON() throws {
        for (line, id) in [(#"{"id":{"a": 1}}"#, #"{"a": 1}"#), ("{}", "null"), (#"{"id":"x"}"#, #""x""#)] {
            #expect(try MQPipeRequest(Array(line.utf8)).id == id)
        }
    }
}
