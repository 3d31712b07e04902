import type { Scope } from "../../domain/Principal.ts"

/** What the pages say. */
export interface Words {
  readonly language: string
  readonly scopes: Readonly<Record<Scope, string>>
  readonly signIn: {
    readonly title: string
    readonly email: string
    readonly password: string
    readonly submit: string
    readonly wrong: string
    readonly tooMany: (seconds: number) => string
    readonly forgotten: string
    readonly forgottenPassword: string
  }
  readonly signUp: {
    readonly title: string
    readonly submit: string
    readonly passwordRule: string
    readonly noAccount: string
    readonly haveAccount: string
    readonly bad_email: string
    readonly bad_password: string
    readonly taken: string
  }
  readonly consent: {
    readonly title: (client: string) => string
    readonly signedInAs: (email: string) => string
    readonly asks: string
    readonly sendsTo: string
    readonly unverified: string
    readonly program: string
    readonly approve: string
    readonly deny: string
    readonly later: string
  }
  readonly account: {
    readonly title: string
    readonly welcome: string
    readonly applications: string
    readonly noApplications: string
    readonly tokens: string
    readonly noTokens: string
    readonly token: (issued: string, expires: string) => string
    readonly since: (date: string) => string
    readonly keys: string
    readonly noKeys: string
    readonly revoke: string
    readonly revokeAll: string
    readonly signOut: string
    readonly signOutMeans: string
    readonly used: (date: string) => string
    readonly unused: string
  }
  readonly errors: {
    readonly title: string
    readonly unknown_client: string
    readonly redirect_uri_missing: string
    readonly redirect_uri_unknown: string
    readonly repeated_parameter: string
    readonly toDeveloper: string
    readonly question_is_over: string
    readonly form_is_foreign: string
    readonly bad_form: string
    readonly sign_up_closed: string
    readonly unavailable: string
    readonly unexpected: string
    readonly requestId: (id: string) => string
  }
}

export const english: Words = {
  language: "en",
  scopes: {
    inference: "Call language models on your account, within your limits",
    keys: "See, create and revoke your API keys"
  },
  signIn: {
    title: "Sign in",
    email: "Email",
    password: "Password",
    submit: "Sign in",
    wrong: "This email and password do not belong together. Check them and try again.",
    tooMany: (seconds) => `Too many attempts. Wait ${duration(seconds, "en", "long")} and try again.`,
    forgotten: "No account or a lost password? Ask the administrator of this gateway.",
    forgottenPassword: "Lost your password? Ask the administrator of this gateway for a new one."
  },
  signUp: {
    title: "Create an account",
    submit: "Create account",
    passwordRule: "8 characters or more. A few words that nobody would guess are good.",
    noAccount: "New here?",
    haveAccount: "Have an account already?",
    bad_email: "This is no email address. Check it and try again.",
    bad_password: "A password has 8 to 1024 characters. Choose another one.",
    taken: "There is an account with this email already. Sign in with it, or take another email."
  },
  consent: {
    title: (client) => `Allow ${client} to use your account?`,
    signedInAs: (email) => `You are signed in as ${email}.`,
    asks: "The application asks to:",
    sendsTo: "After your answer you are sent back to:",
    unverified:
      "Unverified: this application has registered itself, and nobody has checked its name. Allow it only if you have just started it yourself and know the address above.",
    program: "a program on this device",
    approve: "Allow",
    deny: "Deny",
    later: "You can take this back at any time in your account."
  },
  account: {
    title: "Your account",
    welcome:
      "Your account is ready, and you are signed in. Go on to the application that you want to use: it asks for access here. For an API key of your own, ask the administrator.",
    applications: "Applications",
    noApplications: "No application has access to your account.",
    tokens: "Access tokens",
    noTokens: "No access token is in use.",
    token: (issued, expires) => `Issued ${issued}, good until ${expires}`,
    since: (date) => `Allowed on ${date}`,
    keys: "API keys",
    noKeys: "You have no API keys.",
    revoke: "Revoke",
    revokeAll: "Take back access",
    signOut: "Sign out",
    signOutMeans: "Signing out also takes back the access that applications were given since you signed in.",
    used: (date) => `Last used ${date}`,
    unused: "Never used"
  },
  errors: {
    title: "This did not work",
    unknown_client: "The application that sent you here is not known to this gateway, or was removed.",
    redirect_uri_missing: "The application that sent you here did not say where to return to.",
    redirect_uri_unknown:
      "The application that sent you here wants to return to an address that it has not registered.",
    repeated_parameter: "The application that sent you here contradicts itself: a parameter came twice.",
    toDeveloper:
      "You were not sent on, to be safe. Go back to the application, and tell its developer of this message.",
    question_is_over: "This question was answered before, or is too old. Go back to the application and start again.",
    form_is_foreign:
      "This form was not recognised: it is too old, or came from another page. Go back, reload and try again.",
    bad_form: "This form could not be read. Go back, reload and try again.",
    sign_up_closed: "You cannot create an account here yourself. Ask the administrator of this gateway for one.",
    unavailable: "The gateway cannot reach its database. Wait a minute and try again.",
    unexpected: "Something went wrong on our side. Try again; if it stays so, tell the administrator.",
    requestId: (id) => `Number of this request: ${id}`
  }
}

export const russian: Words = {
  language: "ru",
  scopes: {
    inference: "Обращаться к языковым моделям от вашего имени, в пределах ваших лимитов",
    keys: "Видеть, создавать и отзывать ваши API-ключи"
  },
  signIn: {
    title: "Вход",
    email: "Электронная почта",
    password: "Пароль",
    submit: "Войти",
    wrong: "Почта и пароль не подходят друг к другу. Проверьте их и попробуйте ещё раз.",
    tooMany: (seconds) => `Слишком много попыток. Следующая возможна через ${duration(seconds, "ru", "short")}.`,
    forgotten: "Нет учётной записи или забыли пароль? Обратитесь к администратору этого шлюза.",
    forgottenPassword: "Забыли пароль? Попросите новый у администратора этого шлюза."
  },
  signUp: {
    title: "Создать учётную запись",
    submit: "Создать",
    passwordRule: "Не меньше 8 символов. Хорошо подойдут несколько слов, которые никто не угадает.",
    noAccount: "Вы здесь впервые?",
    haveAccount: "Уже есть учётная запись?",
    bad_email: "Это не адрес электронной почты. Проверьте его и попробуйте ещё раз.",
    bad_password: "В пароле должно быть от 8 до 1024 символов. Придумайте другой.",
    taken: "Учётная запись с этой почтой уже есть. Войдите с ней или укажите другую почту."
  },
  consent: {
    title: (client) => `Разрешить приложению ${client} доступ к вашей учётной записи?`,
    signedInAs: (email) => `Вы вошли как ${email}.`,
    asks: "Приложение просит разрешения:",
    sendsTo: "После ответа вы вернётесь на:",
    unverified:
      "Не проверено: приложение зарегистрировалось само, и его название никто не проверял. Разрешайте доступ, только если вы сами только что запустили его и узнаёте адрес выше.",
    program: "программу на этом устройстве",
    approve: "Разрешить",
    deny: "Отказать",
    later: "Отозвать разрешение можно в любой момент в учётной записи."
  },
  account: {
    title: "Учётная запись",
    welcome:
      "Учётная запись создана, вы вошли. Теперь откройте приложение, которым хотите пользоваться: оно попросит доступ здесь. За собственным API-ключом обратитесь к администратору.",
    applications: "Приложения",
    noApplications: "Ни у одного приложения нет доступа к вашей учётной записи.",
    tokens: "Токены доступа",
    noTokens: "Действующих токенов нет.",
    token: (issued, expires) => `Выдан ${issued}, действует до ${expires}`,
    since: (date) => `Разрешено ${date}`,
    keys: "API-ключи",
    noKeys: "У вас нет API-ключей.",
    revoke: "Отозвать",
    revokeAll: "Отозвать доступ",
    signOut: "Выйти",
    signOutMeans: "При выходе отзывается и доступ, который приложения получили с момента входа.",
    used: (date) => `Последнее обращение ${date}`,
    unused: "Ещё не использовался"
  },
  errors: {
    title: "Не получилось",
    unknown_client: "Приложение, которое направило вас сюда, этому шлюзу неизвестно или удалено.",
    redirect_uri_missing: "Приложение, которое направило вас сюда, не указало, куда вернуться.",
    redirect_uri_unknown: "Приложение, которое направило вас сюда, указало незарегистрированный адрес возврата.",
    repeated_parameter: "Приложение, которое направило вас сюда, противоречит себе: параметр передан дважды.",
    toDeveloper:
      "Ради безопасности мы никуда вас не перенаправили. Вернитесь в приложение и сообщите его разработчику.",
    question_is_over: "На этот вопрос уже ответили, или он устарел. Вернитесь в приложение и начните заново.",
    form_is_foreign:
      "Форма не распознана: она устарела или пришла с другой страницы. Вернитесь, обновите и попробуйте ещё раз.",
    bad_form: "Форму не удалось прочитать. Вернитесь, обновите страницу и попробуйте ещё раз.",
    sign_up_closed: "Создать учётную запись самостоятельно здесь нельзя. Обратитесь к администратору этого шлюза.",
    unavailable: "Шлюзу недоступна база данных. Подождите минуту и попробуйте ещё раз.",
    unexpected: "Что-то сломалось на нашей стороне. Попробуйте ещё раз; если не поможет, сообщите администратору.",
    requestId: (id) => `Номер запроса: ${id}`
  }
}

const duration = (seconds: number, language: string, unitDisplay: "long" | "short"): string => {
  const isShort = seconds < 90
  const amount = isShort ? Math.max(1, Math.ceil(seconds)) : Math.ceil(seconds / 60)
  return new Intl.NumberFormat(language, { style: "unit", unit: isShort ? "second" : "minute", unitDisplay }).format(
    amount
  )
}

/** By `Accept-Language` (RFC 9110, section 12.5.4): Russian where it is wanted more than English. */
export const wordsFor = (acceptLanguage: string | undefined): Words => {
  let best = { words: english, weight: 0 }
  for (const range of (acceptLanguage ?? "").slice(0, 1000).split(",")) {
    const [tag = "", ...parameters] = range
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/)
    const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1"
    const weight = Number(quality)
    const words = /^ru(-|$)/.test(tag) ? russian : /^en(-|$)/.test(tag) ? english : undefined
    if (words !== undefined && weight > best.weight) best = { words, weight }
  }
  return best.words
}
