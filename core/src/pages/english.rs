//! The texts in English.

use super::texts::{Phrase, Texts, Wait};

pub(super) fn texts() -> Texts {
    Texts {
        go_on: "Continue".into(),
        allow: "Allow".into(),
        deny: "Deny".into(),
        signed_in_as: "Signed in as".into(),
        too_many_tries,

        sent_to: "You will be sent to".into(),
        sent_to_this_device: Phrase::new("a program on this device, ", ""),
        sent_to_app: Phrase::new("the app that opens ", " links"),
        full_address: "Full address".into(),

        about_client: Phrase::new("About ", ":"),
        website: "Website".into(),
        privacy_policy: "Privacy policy".into(),
        terms_of_service: "Terms of service".into(),
        opens_in_new_tab: "(opens in a new tab)".into(),
        self_registered: "This application registered itself. Nobody here has checked who is behind it.".into(),
        described_at: Phrase::new("It describes itself at ", "."),
        loopback_only: "It runs on this device, where any other program can pretend to be it. Go on only if you have just \
                        started it yourself."
            .into(),

        scopes: "What it asks for".into(),
        no_scopes: "No particular permission.".into(),
        details: "In detail".into(),
        undescribed_scope: "Access that is not described further".into(),
        scope_openid: "Know who you are".into(),
        scope_profile: "See your name and profile".into(),
        scope_email: "See your email address".into(),
        scope_address: "See your postal address".into(),
        scope_phone: "See your phone number".into(),
        scope_offline_access: "Keep this access while you are away".into(),

        sign_in: "Sign in".into(),
        sign_in_for: Phrase::new("to go on to ", ""),
        username: "Username".into(),
        password: "Password".into(),
        sign_in_incomplete: "Enter both your username and your password.".into(),
        sign_in_wrong: "This username and password do not match. Check both and try again.".into(),
        sign_in_expired: "This page was open for too long. Sign in again.".into(),

        consent: "Allow access?".into(),
        consent_for: Phrase::new("", " asks for access to your account."),
        not_you: "Not you? Use another account".into(),

        form_post: "Almost there".into(),
        on_the_way: Phrase::new("You are on the way back to ", ". If nothing happens, choose Continue."),

        device: "Connect a device".into(),
        device_hint: "Enter the code that your device shows.".into(),
        device_code: "Code".into(),
        device_code_missing: "There is no code yet. Enter the one that your device shows.".into(),
        device_code_unknown: "No device waits for this code. Check it, or ask your device for a new one.".into(),
        device_code_expired: "This page was open for too long. Enter the code again.".into(),
        device_confirm: "Connect this device?".into(),
        device_confirm_for: Phrase::new("", " on a device asks for access to your account."),
        device_shows: "Code on the device".into(),
        device_source: "Asked from the address".into(),
        device_warning: "Allow this only if your own device shows the same code. If somebody sent you the code or \
                         the link, choose Deny."
            .into(),
        device_connected: "Device connected".into(),
        device_connected_to: Phrase::new("", " has access now. Go on there; you can close this page."),
        device_refused: "Device not connected".into(),
        device_refused_for: Phrase::new("", " got no access. You can close this page."),

        sign_out_question: "Do you want to sign out?".into(),
        sign_out_for: Phrase::new("", " asks to sign you out."),
        sign_out: "Sign out".into(),
        stay: "Stay signed in".into(),
        signed_out: "You are signed out".into(),
        signed_out_advice: "You can close this page.".into(),
        stayed: "You are still signed in".into(),
        stayed_advice: "Nothing has changed. You can close this page.".into(),

        account: "Your account".into(),
        account_expired: "This page was open for too long. Nothing was changed. Try again.".into(),
        applications: "Applications with access".into(),
        no_applications: "No application has access to your account.".into(),
        access_since: Phrase::new("Access since ", ""),
        newest_token: Phrase::new("Last renewed ", ""),
        no_token: "You allowed it. It has no access at the moment.".into(),
        withdraw_access: "Withdraw access".into(),
        access_withdrawn: "The access was withdrawn. The application has to ask you again.".into(),
        more_applications: "There are more applications than fit here. They appear when you withdraw others.".into(),
        sessions: "Where you are signed in".into(),
        this_browser: "This browser".into(),
        other_browser: "Another browser".into(),
        signed_in_since: Phrase::new("Signed in since ", ""),
        sign_out_there: "Sign out there".into(),
        signed_out_there: "You are signed out there.".into(),
        sign_out_elsewhere: "Sign out everywhere else".into(),
        signed_out_elsewhere: "You are signed out everywhere but here.".into(),
        more_sessions: "There are more browsers than fit here.".into(),
        change_password: "Change password".into(),
        current_password: "Current password".into(),
        new_password: "New password".into(),
        repeat_password: "New password again".into(),
        password_changed: "Your password was changed. You are signed out everywhere but here, and no application has \
                           access any more."
            .into(),
        password_incomplete: "Enter your current password, and the new one twice.".into(),
        password_wrong: "Your current password is not right. Check it and try again.".into(),
        passwords_differ: "The new password must be the same twice.".into(),
        password_too_long: "The new password is too long.".into(),
        password_too_short: Phrase::new("The new password needs at least ", " characters."),

        error_tries: "Too many tries".into(),
        error_tries_advice: "Wait a little, then go back and try again.".into(),
        error_server: "Something went wrong here".into(),
        error_server_advice: "It is not your doing. Go back and try again in a few minutes.".into(),
        error_request: "This link does not work".into(),
        error_request_advice: "The application that sent you here asked for something that cannot be answered. Go \
                               back and try again. If it happens again, tell the people behind that application what \
                               stands below."
            .into(),
        error_status: Phrase::new("Error ", ""),
    }
}

fn too_many_tries(wait: Wait) -> String {
    let time = match wait {
        Wait::Seconds(1) => "a second".to_owned(),
        Wait::Seconds(count) => format!("{count} seconds"),
        Wait::Minutes(1) => "a minute".to_owned(),
        Wait::Minutes(count) => format!("{count} minutes"),
        Wait::Hours(1) => "an hour".to_owned(),
        Wait::Hours(count) => format!("{count} hours"),
    };
    format!("There were too many tries. Wait {time} and try again.")
}
