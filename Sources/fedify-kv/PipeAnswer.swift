import FedifyKv

/// An answer of `fedify-kv pipe`: one line of JSON, made of texts that are JSON already.
enum PipeAnswer {
    static func ok(_ id: String, _ members: String = "") -> String {
        "{\"id\":\(id),\"ok\":true\(members)}"
    }

    static func error(_ id: String, code: String, message: String) -> String {
        "{\"id\":\(id),\"ok\":false,\"error\":{\"code\":\(quoted(code)),\"message\":\(quoted(message))}}"
    }

    private static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        JSONString.append(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
