import ArgumentParser
import CommandLineSupport
import FedifyMQ
import FedifyMQPipe
import FedifyMySQL
import Foundation

struct Pipe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answers JSON requests, one a line, on standard output: for scripts and other languages.",
        discussion: """
            Requests:
              {"id":1,"op":"enqueue","message":{"a":1},"delay":1.5,"orderingKey":"k"}
              {"id":2,"op":"enqueueMany","messages":[1,2],"orderingKey":"k"}
              {"id":3,"op":"depth"}
              {"id":4,"op":"listen","concurrency":8}
              {"id":5,"op":"settle","messageId":"0190-id","outcome":"done"}
              {"id":6,"op":"settle","messageId":"0190-id","outcome":"retry","after":2,"reason":"busy"}
              {"id":7,"op":"settle","messageId":"0190-id","outcome":"reject","reason":"no such inbox"}
            Times are in seconds. Members delay, orderingKey, concurrency, after and reason may be left out.

            Answers, which repeat the id:
              {"id":1,"ok":true}
              {"id":3,"ok":true,"queued":2,"ready":1,"delayed":1,"inWork":0,"dead":0}
              {"id":8,"ok":false,"error":{"code":"invalidDelay","message":"the delay is negative"}}
            A line that is not a request gets an error with the code badRequest.

            After listen, messages come as lines of their own, at most concurrency of them unsettled:
              {"message":{"a":1},"messageId":"0190-id","attempt":1,"orderingKey":null}
            Each is settled by its id. The answer to settle says that the decision was taken; leaseLost, that the \
            message is not this process's any more. A message whose lease was lost, or whose --handler-timeout is \
            over, is announced, and must not be settled:
              {"messageId":"0190-id","cancelled":true}
            At the end of input, or at SIGTERM or SIGINT, messages that were not settled go back to the queue at once.
            """)

    @OptionGroup var queue: QueueArguments
    @OptionGroup var delivery: DeliveryArguments

    @Option(help: "The maximum number of concurrent requests. With 1, answers come in the order of requests.")
    var concurrency = 1

    func validate() throws {
        guard (1...10_000).contains(concurrency) else {
            throw ValidationError("--concurrency must be from 1 to 10000.")
        }
    }

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        let (endings, end) = AsyncStream<Result<Void, any Error>>.makeStream()
        try await queue.withQueue(delivery.options(), logger: .ofTool) { [concurrency] queue in
            let session = PipeSession(queue) { end.yield(.failure($0)) }
            Signals.onEach { _ in end.yield(.success(())) }
            // A read that waits can't be ended: at a signal the process ends without it.
            Task {
                do {
                    try await LineReader(.standardInput).answerEach(concurrency: concurrency) { line in
                        try await session.answer(line)
                    }
                    end.yield(.success(()))
                } catch {
                    end.yield(.failure(error))
                }
            }
            let ending = await endings.first { _ in true }
            await session.end()
            try ending?.get()
        }
    }
}
