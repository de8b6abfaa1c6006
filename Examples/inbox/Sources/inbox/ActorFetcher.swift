import FedifyKv

/// Fetches the documents of actors, with a limit on their size.
struct ActorFetcher: Sendable {
    var client = RemoteClient()
    var maximumSize = 256 << 10

    func fetch(_ url: RemoteURL) async throws -> JSONValue {
        try await client.send(to: url) { request in
            request.headers.add(name: "accept", value: "application/activity+json")
        } read: { response in
            guard response.status == .ok else {
                throw RemoteClient.Refused(reason: "the answer is \(response.status.code)")
            }
            let type = response.headers.first(name: "content-type")?.lowercased() ?? ""
            guard Inbox.isJSON(type) else { throw RemoteClient.Refused(reason: "the answer isn't JSON") }
            let body = try await response.body.collect(upTo: maximumSize)
            // Data that was cut off by the timeout isn't a document.
            try Task.checkCancellation()
            return try JSONValue(json: String(buffer: body))
        }
    }
}
