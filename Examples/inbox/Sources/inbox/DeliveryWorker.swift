import FedifyKv
import FedifyMQ
import NIOCore
import ServiceLifecycle

/// Posts activities to the inboxes of followers.
struct DeliveryWorker: Service {
    let queue: any MessageQueue
    let kv: any KvStore
    let client: RemoteClient

    func run() async throws {
        try await queue.listen(for: Delivery.self, concurrency: 32) { delivery, message in
            try await deliver(delivery, message)
        }
    }

    /// Throws if it is to be tried again.
    private func deliver(_ delivery: Delivery, _ message: ReceivedMessage) async throws {
        guard let inbox = RemoteURL(delivery.inbox) else { return message.reject("the inbox isn't a usable URL") }
        guard let activity = try await kv.get(FanOut.key(delivery.activity)) else {
            return message.reject("the activity isn't kept any more")
        }
        let (status, pause) = try await client.send(to: inbox) { request in
            request.method = .POST
            request.headers.add(name: "content-type", value: "application/activity+json")
            request.body = .bytes(ByteBuffer(string: activity.json))
        } read: { response in
            (response.status.code, response.headers.first(name: "retry-after").flatMap { Int64($0) })
        }
        let reason = "the inbox answered \(status)"
        switch status {
        case 200..<300: return
        // The same activity would be refused again. 408: it took too long; 429: there were too many.
        case 400..<500 where status != 408 && status != 429: message.reject(reason)
        default:
            guard let pause else { throw RemoteClient.Refused(reason: reason) }
            message.retry(after: .seconds(min(pause, 3600)), reason: reason)
        }
    }
}
