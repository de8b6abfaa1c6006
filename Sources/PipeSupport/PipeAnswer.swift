import FedifyJSON

/// An answer of a pipe: one line of JSON, made of texts that are JSON already.
package enum PipeAnswer {
    package static func ok(_ id: String, _ members: String = "") -> String {
        "{\"id\":\(id),\"ok\":true\(members)}"
    }

    package static func error(_ id: String, code: String, message: String) -> String {
        "{\"id\":\(id),\"ok\":false,\"error\":{\"code\":\(JSONString.quoted(code)),\"message\":\(JSONString.quoted(message))}}"
    }
}
