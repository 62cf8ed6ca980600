//! The texts in German.

use super::texts::{Phrase, Texts, Wait};

pub(super) fn texts() -> Texts {
    Texts {
        go_on: "Weiter".into(),
        allow: "Erlauben".into(),
        deny: "Ablehnen".into(),
        signed_in_as: "Angemeldet als".into(),
        too_many_tries,

        sent_to: "Sie werden weitergeleitet zu".into(),
        sent_to_this_device: Phrase::new("einem Programm auf diesem Gerät, ", ""),
        sent_to_app: Phrase::new("der App, die Links mit ", " öffnet"),
        full_address: "Vollständige Adresse".into(),

        about_client: Phrase::new("Über ", ":"),
        website: "Website".into(),
        privacy_policy: "Datenschutzerklärung".into(),
        terms_of_service: "Nutzungsbedingungen".into(),
        opens_in_new_tab: "(öffnet sich in einem neuen Tab)".into(),
        self_registered: "Diese Anwendung hat sich selbst registriert. Niemand hat hier geprüft, wer dahintersteht."
            .into(),
        described_at: Phrase::new("Sie beschreibt sich selbst unter ", "."),
        loopback_only: "Sie läuft auf diesem Gerät, wo sich jedes andere Programm als sie ausgeben kann. Fahren Sie nur fort, wenn \
                        Sie sie gerade selbst gestartet haben."
            .into(),

        scopes: "Erbetener Zugriff".into(),
        no_scopes: "Keine bestimmte Berechtigung.".into(),
        details: "Im Einzelnen".into(),
        undescribed_scope: "Zugriff, der nicht näher beschrieben ist".into(),
        scope_openid: "Wissen, wer Sie sind".into(),
        scope_profile: "Ihren Namen und Ihr Profil sehen".into(),
        scope_email: "Ihre E-Mail-Adresse sehen".into(),
        scope_address: "Ihre Postanschrift sehen".into(),
        scope_phone: "Ihre Telefonnummer sehen".into(),
        scope_offline_access: "Diesen Zugriff behalten, während Sie nicht da sind".into(),

        sign_in: "Anmelden".into(),
        sign_in_for: Phrase::new("und weiter zu ", ""),
        username: "Benutzername".into(),
        password: "Passwort".into(),
        sign_in_incomplete: "Geben Sie Ihren Benutzernamen und Ihr Passwort ein.".into(),
        sign_in_wrong: "Benutzername und Passwort passen nicht zusammen. Prüfen Sie beide und versuchen Sie es noch \
                        einmal."
            .into(),
        sign_in_expired: "Diese Seite war zu lange geöffnet. Melden Sie sich noch einmal an.".into(),

        consent: "Zugriff erlauben?".into(),
        consent_for: Phrase::new("", " bittet um Zugriff auf Ihr Konto."),
        not_you: "Sind Sie das nicht? Anderes Konto verwenden".into(),

        form_post: "Fast geschafft".into(),
        on_the_way: Phrase::new(
            "Sie sind auf dem Weg zurück zu ",
            ". Wenn nichts geschieht, wählen Sie „Weiter“.",
        ),

        device: "Gerät verbinden".into(),
        device_hint: "Geben Sie den Code ein, den Ihr Gerät anzeigt.".into(),
        device_code: "Code".into(),
        device_code_missing: "Der Code fehlt noch. Geben Sie ein, was Ihr Gerät anzeigt.".into(),
        device_code_unknown: "Kein Gerät wartet auf diesen Code. Prüfen Sie ihn oder lassen Sie sich vom Gerät einen \
                              neuen geben."
            .into(),
        device_code_expired: "Diese Seite war zu lange geöffnet. Geben Sie den Code noch einmal ein.".into(),
        device_confirm: "Dieses Gerät verbinden?".into(),
        device_confirm_for: Phrase::new("", " bittet auf einem Gerät um Zugriff auf Ihr Konto."),
        device_shows: "Code auf dem Gerät".into(),
        device_source: "Anfrage von der Adresse".into(),
        device_warning: "Erlauben Sie dies nur, wenn Ihr eigenes Gerät denselben Code anzeigt. Wenn Ihnen jemand den \
                         Code oder den Link geschickt hat, wählen Sie „Ablehnen“."
            .into(),
        device_connected: "Gerät verbunden".into(),
        device_connected_to: Phrase::new(
            "",
            " hat jetzt Zugriff. Machen Sie dort weiter; diese Seite können Sie schließen.",
        ),
        device_refused: "Gerät nicht verbunden".into(),
        device_refused_for: Phrase::new("", " hat keinen Zugriff erhalten. Sie können diese Seite schließen."),

        sign_out_question: "Möchten Sie sich abmelden?".into(),
        sign_out_for: Phrase::new("", " bittet darum, Sie abzumelden."),
        sign_out: "Abmelden".into(),
        stay: "Angemeldet bleiben".into(),
        signed_out: "Sie sind abgemeldet".into(),
        signed_out_advice: "Sie können diese Seite schließen.".into(),
        stayed: "Sie sind noch angemeldet".into(),
        stayed_advice: "Es hat sich nichts geändert. Sie können diese Seite schließen.".into(),

        account: "Ihr Konto".into(),
        account_expired: "Diese Seite war zu lange geöffnet. Es wurde nichts geändert. Versuchen Sie es noch einmal."
            .into(),
        applications: "Anwendungen mit Zugriff".into(),
        no_applications: "Keine Anwendung hat Zugriff auf Ihr Konto.".into(),
        access_since: Phrase::new("Zugriff seit ", ""),
        newest_token: Phrase::new("Zuletzt erneuert ", ""),
        no_token: "Sie haben sie erlaubt. Zurzeit hat sie keinen Zugriff.".into(),
        withdraw_access: "Zugriff entziehen".into(),
        access_withdrawn: "Der Zugriff ist entzogen. Die Anwendung muss Sie neu fragen.".into(),
        more_applications: "Es gibt mehr Anwendungen, als hier Platz haben. Sie erscheinen, wenn Sie anderen den \
                            Zugriff entziehen."
            .into(),
        sessions: "Wo Sie angemeldet sind".into(),
        this_browser: "Dieser Browser".into(),
        other_browser: "Ein anderer Browser".into(),
        signed_in_since: Phrase::new("Angemeldet seit ", ""),
        sign_out_there: "Dort abmelden".into(),
        signed_out_there: "Sie sind dort abgemeldet.".into(),
        sign_out_elsewhere: "Überall sonst abmelden".into(),
        signed_out_elsewhere: "Sie sind überall außer hier abgemeldet.".into(),
        more_sessions: "Es gibt mehr Browser, als hier Platz haben.".into(),
        change_password: "Passwort ändern".into(),
        current_password: "Bisheriges Passwort".into(),
        new_password: "Neues Passwort".into(),
        repeat_password: "Neues Passwort, noch einmal".into(),
        password_changed: "Ihr Passwort ist geändert. Sie sind überall außer hier abgemeldet, und keine Anwendung hat \
                           mehr Zugriff."
            .into(),
        password_incomplete: "Geben Sie Ihr bisheriges Passwort ein und das neue zweimal.".into(),
        password_wrong: "Ihr bisheriges Passwort stimmt nicht. Prüfen Sie es und versuchen Sie es noch einmal.".into(),
        passwords_differ: "Das neue Passwort muss beide Male dasselbe sein.".into(),
        password_too_long: "Das neue Passwort ist zu lang.".into(),
        password_too_short: Phrase::new("Das neue Passwort braucht mindestens ", " Zeichen."),

        error_tries: "Zu viele Versuche".into(),
        error_tries_advice: "Warten Sie ein wenig, gehen Sie dann zurück und versuchen Sie es noch einmal.".into(),
        error_server: "Hier ist etwas schiefgegangen".into(),
        error_server_advice: "Es liegt nicht an Ihnen. Gehen Sie zurück und versuchen Sie es in ein paar Minuten noch \
                              einmal."
            .into(),
        error_request: "Dieser Link funktioniert nicht".into(),
        error_request_advice: "Die Anwendung, die Sie hierher geschickt hat, hat um etwas gebeten, das sich nicht \
                               beantworten lässt. Gehen Sie zurück und versuchen Sie es noch einmal. Wenn es wieder \
                               geschieht, nennen Sie den Betreibern dieser Anwendung, was unten steht."
            .into(),
        error_status: Phrase::new("Fehler ", ""),
    }
}

fn too_many_tries(wait: Wait) -> String {
    let time = match wait {
        Wait::Seconds(1) => "eine Sekunde".to_owned(),
        Wait::Seconds(count) => format!("{count} Sekunden"),
        Wait::Minutes(1) => "eine Minute".to_owned(),
        Wait::Minutes(count) => format!("{count} Minuten"),
        Wait::Hours(1) => "eine Stunde".to_owned(),
        Wait::Hours(count) => format!("{count} Stunden"),
    };
    format!("Es gab zu viele Versuche. Warten Sie {time} und versuchen Sie es noch einmal.")
}
